const SVG = "http://www.w3.org/2000/svg";

/**
 * The picture over the lobby: a hanok at the yard's end, a persimmon tree, and the sun or moon.
 */
export function yard() {
  const svg = element("svg", { viewBox: "0 0 960 220", class: "scene", "aria-hidden": "true", preserveAspectRatio: "xMidYMax slice" });
  svg.append(
    element("circle", { cx: 752, cy: 88, r: 34, class: "sun" }),
    element("path", { d: "M0 168 Q150 96 300 150 T620 128 T960 150 V220 H0Z", class: "hill far" }),
    element("path", { d: "M0 186 Q220 132 460 176 T960 170 V220 H0Z", class: "hill" }),
    // the house: wall, posts, papered doors, eaves that turn up
    element("rect", { x: 300, y: 134, width: 360, height: 66, class: "wall" }),
    ...[373, 451, 529].map((x) => doors(x)),
    ...[306, 362, 440, 518, 592, 646].map((x) => element("rect", { x, y: 130, width: 9, height: 72, class: "post" })),
    element("path", { d: "M252 128 Q284 120 318 92 Q352 66 480 66 Q608 66 642 92 Q676 120 708 128 Q704 140 690 139 Q586 124 480 124 Q374 124 270 139 Q256 140 252 128Z", class: "eaves" }),
    ...[...Array(27).keys()].map((i) => tileLine(i)),
    element("path", { d: "M330 84 Q352 60 364 66 Q420 58 480 58 Q540 58 596 66 Q608 60 630 84 Q560 70 480 70 Q400 70 330 84Z", class: "ridgeline" }),
    element("rect", { x: 286, y: 198, width: 388, height: 10, class: "stone" }),
    // the wall around the yard
    element("path", { d: "M0 188 H286 V212 H0Z M674 188 H960 V212 H674Z", class: "fence" }),
    element("path", { d: "M0 182 H290 V190 H0Z M670 182 H960 V190 H670Z", class: "coping" }),
    // the persimmon tree
    element("path", { d: "M150 210 Q158 160 142 128 M150 160 Q176 138 196 128 M148 148 Q124 128 106 120 M142 128 Q146 104 166 92 M142 128 Q128 108 130 86", class: "branch" }),
    ...[[196, 128], [178, 112], [106, 120], [124, 100], [166, 90], [132, 82], [150, 104], [88, 134], [208, 142]].map(
      ([cx, cy]) => element("circle", { cx, cy, r: 7.5, class: "persimmon" })),
    element("path", { d: "M0 206 H960 V220 H0Z", class: "ground" }),
  );
  return svg;
}

/** @param {number} i */
function tileLine(i) {
  const x = 272 + i * 16, top = 480 + (x - 480) * 0.56;
  return element("path", { d: `M${x} ${127 + Math.abs(i - 13) * 0.75} Q${(x + top) / 2} 96 ${top} 74`, class: "tileline" });
}

/** @param {number} x */
function doors(x) {
  const g = element("g", { class: "doors" });
  g.append(element("rect", { x, y: 142, width: 64, height: 56 }));
  for (let i = 1; i < 8; i++) g.append(element("path", { d: `M${x + i * 8} 142 v56` }));
  for (let i = 1; i < 5; i++) g.append(element("path", { d: `M${x} ${142 + i * 11} h64` }));
  return g;
}

/**
 * @param {string} name
 * @param {Record<string, string | number>} attributes
 */
function element(name, attributes) {
  const el = document.createElementNS(SVG, name);
  for (const [k, v] of Object.entries(attributes)) el.setAttribute(k, String(v));
  return el;
}
