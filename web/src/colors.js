// Colours that people with any kind of colour vision tell apart: Okabe and Ito's set, viridis.
export const FOUND = "#e69f00";
export const TRUTH = "#56b4e9";
export const CHOSEN = "#f0e442";
export const RING = "#3a4150";
export const TEXT = "#e6e8eb";

const VIRIDIS = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];

/** Red, green, blue (0 to 255) of a share in [0, 1]. */
export function viridis(share) {
  const place = Math.min(Math.max(share || 0, 0), 1) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return VIRIDIS[low].map((value, i) => value + (place - low) * (VIRIDIS[low + 1][i] - value));
}

export const css = (rgb, alpha = 1) => `rgba(${rgb.map(Math.round).join(",")},${alpha})`;
