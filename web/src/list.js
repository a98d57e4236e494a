// Cards of the samples; their pictures are made when they come near the window.
import { element } from "./dom.js";
import { passes } from "./filters.js";

export function showList(list, samples, numbers, choose) {
  const near = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      target.src = `data:image/webp;base64,${samples[target.dataset.sample].thumbnail}`;
      near.unobserve(target);
    }
  }, { root: list, rootMargin: "300px" });
  list.replaceChildren(...numbers.map((i) => {
    const picture = element("img", { alt: "" });
    picture.dataset.sample = i;
    near.observe(picture);
    const { name, entries } = samples[i];
    const card = element("button", { type: "button", className: "card", title: name }, picture,
      element("span", {}, name), element("span", {}, `${entries.filter(passes).length} objects`));
    card.dataset.sample = i;
    card.addEventListener("click", () => choose(i));
    return card;
  }));
}

export function markList(list, sample) {
  for (const card of list.children) {
    const current = Number(card.dataset.sample) === sample;
    card.setAttribute("aria-current", current);
    if (current) card.scrollIntoView({ block: "nearest" });
  }
}
