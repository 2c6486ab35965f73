/* The legend, which is the layer switch too. */
"use strict";
siting.part("legend", function () {
  const S = siting, { t, el } = S, base = S.basemap, stations = S.stations;

  function svg(width, height, ...shapes) {
    const space = "http://www.w3.org/2000/svg", node = document.createElementNS(space, "svg");
    node.setAttribute("width", width);
    node.setAttribute("height", height);
    for (const [name, values] of shapes) {
      const shape = document.createElementNS(space, name);
      for (const key of Object.keys(values)) shape.setAttribute(key, values[key]);
      node.append(shape);
    }
    return node;
  }
  const dot = (colour, ring) => svg(12, 12, ["circle", ring
    ? { cx: 6, cy: 6, r: 4, fill: "#fff", stroke: colour, "stroke-width": 2.4 } : { cx: 6, cy: 6, r: 5.2, fill: colour }]);
  const diamond = (filled) => svg(14, 14, ["path", { d: "M7 1 13 7 7 13 1 7z", fill: filled ? S.hydrogen.COLOUR : "#fff", stroke: S.hydrogen.COLOUR, "stroke-width": 1.6 }]);
  const cross = (colour) => svg(12, 12, ["path", { d: "M2.5 2.5 9.5 9.5M9.5 2.5 2.5 9.5", stroke: colour, "stroke-width": 1.8 }]);
  const soft = (colour) => svg(12, 12, ["circle", { cx: 6, cy: 6, r: 5.2, fill: colour, "fill-opacity": 0.5 }]);
  function roadKey(style) {
    const wide = style.fill !== "#ffffff";
    return svg(20, 8, ["line", { x1: 0, y1: 4, x2: 20, y2: 4, stroke: wide ? style.edge : style.thin, "stroke-width": wide ? 4.5 : 3 }],
      ...(wide ? [["line", { x1: 0, y1: 4, x2: 20, y2: 4, stroke: style.fill, "stroke-width": 2.6 }]] : []));
  }
  const border = () => svg(20, 8, ["line", { x1: 0, y1: 4, x2: 20, y2: 4, stroke: "#857c9c", "stroke-width": 1.4, "stroke-dasharray": "6 2 1.5 2" }]);

  function layer(id, key, note, store, change, ...children) {
    const box = el("input");
    box.type = "checkbox";
    box.checked = store[id];
    box.addEventListener("change", () => { store[id] = box.checked; change(); });
    const node = el("div", "s-layer", el("label", "s-layer-head", box, el("span", "", t(key)), note ? el("small", "", note) : null), ...children);
    node.dataset.layer = id;
    return node;
  }
  const keys = (...items) => el("ul", "s-keys", ...items);
  const key = (icon, text, n) => el("li", "", icon, el("span", "", text), n === undefined ? null : el("span", "s-n", S.number(n)));
  function segment(options, chosen, choose) {
    const node = el("div", "s-segment");
    for (const [value, text] of options) {
      const item = S.button("", () => choose(value), text);
      item.dataset.value = value;
      item.setAttribute("aria-pressed", String(value === chosen));
      node.append(item);
    }
    return node;
  }
  function ramp(scheme, share) {
    const format = (value) => (share ? `${Math.round(100 * value)}%` : value);
    return el("div", "s-ramp", ...scheme.colours.map((colour, i) => {
      const chip = el("i");
      chip.style.background = colour;
      return el("span", "", chip, i === 0 ? `<${format(scheme.breaks[0])}` : `≥${format(scheme.breaks[i - 1])}`);
    }));
  }

  function stationKeys(change) {
    if (stations.show.colour === "utilisation") return ramp(stations.USE, true);
    if (stations.show.colour === "status") {
      const kept = stations.table.kept.filter(Boolean).length;
      return keys(key(dot(stations.STATUS.new), t("legend.new"), stations.at.n - kept), key(dot(stations.STATUS.kept, true), t("legend.kept"), kept));
    }
    const items = stations.GROUPS.map((group, g) => {
      const n = stations.group.filter((value) => value === g).length;
      if (!n) return null;
      const hidden = stations.show.hidden.has(group.id);
      const toggle = S.button("", () => { stations.show.hidden[hidden ? "delete" : "add"](group.id); change(); },
        dot(group.colour), el("span", "", t(`group.${group.id}`)), el("span", "s-n", S.number(n)));
      toggle.setAttribute("aria-pressed", String(!hidden));
      toggle.dataset.group = group.id;
      return el("li", "", toggle);
    }).filter(Boolean);
    if (stations.table.kept.some(Boolean)) items.push(key(dot("#66727e", true), t("legend.kept")));
    return keys(...items);
  }
  function hydrogenKeys() {
    const combined = S.hydrogen.table.combined.filter(Boolean).length, alone = S.hydrogen.at.n - combined;
    return keys(combined ? key(diamond(true), t("hydrogen.combined"), combined) : null, alone ? key(diamond(false), t("hydrogen.alone"), alone) : null);
  }
  function testRoadKeys() {
    return keys(...S.testroads.keys().map((item) => key(svg(20, 8, ["line", { x1: 1, y1: 4, x2: 19, y2: 4, stroke: item.colour, "stroke-width": 4 }]), item.label, item.km)));
  }
  const square = (colour) => svg(12, 12, ["rect", { x: 1.5, y: 1.5, width: 9, height: 9, fill: colour }]);
  const patch = (colour) => svg(14, 12, ["rect", { x: 0.5, y: 0.5, width: 13, height: 11, fill: `rgba(${colour},0.24)`, stroke: `rgba(${colour},0.55)` }]);
  function roadsideLayers(changed) {
    const roadside = S.roadside, show = roadside.show;
    if (!roadside.n) return [];
    const levels = roadside.LEVELS.map((level, k) => [level, k, roadside.table.level.filter((value) => value === k).length]).filter((row) => row[2]);
    const reach = el("label", "s-layer-sub", Object.assign(el("input"), { type: "checkbox", checked: show.reach }), el("span", "", t("legend.reach")));
    reach.firstChild.addEventListener("change", (event) => { show.reach = event.target.checked; changed(); });
    return [
      layer("rsus", "legend.rsus", S.number(roadside.n), show, changed,
        keys(...levels.map(([level, k, count]) => key(dot(roadside.COLOURS[k]), t(`legend.rsus.${level}`), count))),
        reach),
      ...(roadside.cells.phase.length ? [layer("zones", "legend.zones", patch(roadside.BUILT), show, changed)] : []),
      ...(roadside.nodeAt.n ? [layer("edgenodes", "legend.edgenodes", t("legend.edgenodes.note"), show, changed, keys(key(square(roadside.NODE), t("legend.edgenodes"), roadside.nodeAt.n)))] : []),
    ];
  }
  function placeKeys() {
    const { places, PLACE, MISSED } = S.serving;
    const box = (fill, edge) => svg(12, 12, ["rect", { x: 2, y: 2, width: 8, height: 8, fill, stroke: edge, "stroke-width": 1.6 }]);
    const missed = places.reached.filter((reached) => !reached).length;
    return keys(...Object.keys(PLACE).map((measure) => {
      const n = places.measure.filter((value) => value === measure).length;
      return n ? key(box(PLACE[measure], "#fff"), t(`legend.places.${measure}`), n) : null;
    }), missed ? key(box("#fff", MISSED), t("legend.places.missed"), missed) : null);
  }
  function roadKeys(shown) {
    const list = keys(...shown.map((road) => key(roadKey(road.style), t(`road.${road.id}`))));
    list.classList.add("s-two");
    return list;
  }
  function sizes(zoom) {
    return el("div", "s-sizes", ...[10, 40, 120].map((piles) => {
      const circle = el("i"), size = 2 * stations.radius(piles, zoom);
      circle.style.width = `${size}px`;
      circle.style.height = `${size}px`;
      return el("span", "", circle, S.number(piles));
    }), el("span", "", t("legend.size")));
  }

  /* `changed` repaints; a choice that changes the legend itself renders it anew first. */
  function render(zoom, changed) {
    const again = () => { render(zoom, changed); changed(); };
    const shown = base.roads.filter((road) => road.style && road.n);
    const make = () => [
      layer("stations", "legend.stations", "", stations.show, changed, sizes(zoom),
        segment([["kind", t("legend.kind")], ["status", t("legend.status")], ["utilisation", t("legend.utilisation")]], stations.show.colour, (value) => { stations.show.colour = value; again(); }),
        stationKeys(again)),
      ...(S.hydrogen.at.n ? [layer("hydrogen", "legend.hydrogen", S.number(S.hydrogen.at.n), S.hydrogen.show, changed, hydrogenKeys())] : []),
      ...roadsideLayers(changed),
      ...(S.testroads.n ? [layer("testroads", "legend.testroads", t("legend.testroads.note"), S.testroads.show, changed,
        segment(["phase", "grade", "sort"].map((value) => [value, t(`legend.testroads.${value}`)]), S.testroads.show.colour, (value) => { S.testroads.show.colour = value; again(); }), testRoadKeys())] : []),
      ...(S.serving.places.n ? [layer("places", "legend.places", S.number(S.serving.places.n), S.serving.show, changed, placeKeys())] : []),
      ...(stations.unchosen.n ? [layer("unchosen", "legend.unchosen", S.number(stations.unchosen.n), stations.show, changed)] : []),
      ...(S.dropped.at.n ? [layer("dropped", "legend.dropped", S.number(S.dropped.at.n), S.dropped.show, changed, keys(...S.dropped.counts().map(([text, n]) => key(cross(S.dropped.COLOUR), text, n))))] : []),
      layer("catchment", "legend.catchment", "", stations.show, changed),
      layer("demand", "legend.demand", t("legend.demand.note"), base.show, changed,
        keys(...["full", "part", "none"].map((part) => key(soft(base.DEMAND[part]), t(`legend.demand.${part}`))))),
      layer("roads", "legend.roads", "", base.show, changed, roadKeys(shown)),
      layer("districts", "legend.districts", border(), base.show, changed),
      layer("labels", "legend.labels", "", base.show, changed),
      el("div", "s-layer", el("div", "s-layer-head", el("span", "", t("legend.fill"))),
        segment(["none", "served", "per10k"].map((value) => [value, t(`legend.fill.${value}`)]), base.show.fill, (value) => { base.show.fill = value; again(); }),
        base.FILLS[base.show.fill] ? ramp(base.FILLS[base.show.fill], base.show.fill === "served") : null),
    ];
    S.clear(S.one(".s-legend-body"), ...make());
    S.clear(S.one("#s-phone-legend"), ...make());
  }
  return { render };
});
