/* Puts the map together: painters, pointer, search, tabs, language. */
"use strict";
siting.mount = function (map) {
  const S = siting, { data, t, el } = S;
  /* The parts of the scheme that is shown; another scheme has others. */
  let base, stations, hydrogen, testroads, roadside, serving, dropped;
  const bind = () => { ({ basemap: base, stations, hydrogen, testroads, roadside, serving, dropped } = S); };
  bind();
  const app = document.getElementById("siting"), tip = S.one(".s-tip"), card = S.one(".s-card"), panel = S.one(".s-panel");
  const chosen = { kind: "", row: -1 };

  /* Painters in panes that let the pointer through; the map asks what lies under it. */
  const painters = [
    ["siting-ground", 200, (view) => base.paint(view)],
    ["siting-stations", 400, (view) => { stations.paint(view); dropped.paint(view); hydrogen.paint(view); serving.paint(view); base.paintDistrictNames(view); }],
    ["siting-testroads", 300, (view) => testroads.paint(view)],
    ["siting-zones", 250, (view) => roadside.paintZones(view)],
    ["siting-roadside", 350, (view) => { view.ctx.clearRect(0, 0, view.w, view.h); roadside.paint(view); }],
  ].map(([pane, z, paint]) => {
    const node = map.createPane(pane);
    node.style.zIndex = z;
    node.style.pointerEvents = "none";
    return new base.Painter({ pane, paint });
  });
  const above = () => { painters[1].redraw(); painters[2].redraw(); painters[4].redraw(); };
  const repaint = () => { for (const painter of painters) painter.redraw(); };
  const area = L.latLngBounds([data.bounds[1], data.bounds[0]], [data.bounds[3], data.bounds[2]]);
  const phone = () => window.matchMedia("(max-width: 720px)").matches;
  function fit(bounds, most) {
    const wide = !phone();
    map.fitBounds(bounds, { paddingTopLeft: [wide ? 64 : 24, wide ? 30 : 64], paddingBottomRight: [wide ? (window.innerWidth > 1180 ? 268 : 40) : 24, 44], maxZoom: most || 16, animate: false });
  }

  function choose(kind, row) {
    Object.assign(chosen, { kind, row });
    stations.show.selected = kind === "station" ? row : -1;
    hydrogen.show.selected = kind === "hydrogen" ? row : -1;
    testroads.show.selected = kind === "testroad" ? row : -1;
    roadside.show.selected = kind === "rsu" ? row : -1;
    roadside.show.node = kind === "edgenode" ? row : -1;
    dropped.show.selected = kind === "dropped" ? row : -1;
    if (!kind) {
      card.hidden = true;
      card.replaceChildren();
    } else {
      const actions = {
        close: () => choose("", -1),
        locate: () => (kind === "district" ? fit(base.districtBounds(row)) : map.setView(place(kind, row), Math.max(map.getZoom(), 15))),
      };
      S.clear(card, ...S.card[kind](row, actions));
      card.dataset.kind = kind;
      card.hidden = false;
      card.scrollTop = 0;
    }
    above();
    if (kind && kind !== "district") uncover(kind, row);
  }
  function place(kind, row) {
    if (kind === "testroad") return testroads.place(row);
    if (kind === "road") return base.namePlace(row);
    if (kind === "place") return [serving.places.lat[row], serving.places.lon[row]];
    if (kind === "rsu" || kind === "edgenode") return roadside.place(kind, row);
    const { at } = { hydrogen, dropped }[kind] || stations;
    return [at.lat[row], at.lon[row]];
  }
  /* Moves the map when the card lies over the station that it is about. */
  function uncover(kind, row) {
    const at = map.latLngToContainerPoint(place(kind, row));
    const home = map.getContainer().getBoundingClientRect(), box = card.getBoundingClientRect();
    const x = at.x + home.left, y = at.y + home.top, inside = x > box.left - 20 && x < box.right + 20 && y > box.top - 20;
    if (!inside || y > box.bottom + 20) return;
    map.panBy(phone() ? [0, y - (box.top + home.top) / 2] : [x - (box.left + home.left) / 2, 0]);
  }
  function openDistrict(row) {
    choose("district", row);
    fit(base.districtBounds(row));
    openPanel(false);
  }

  /* A clause: what serves it stands out, and the map goes there. */
  function showClause(row) {
    choose("", -1);
    serving.open(row);
    const node = S.one(".s-focus"), on = serving.show.clause >= 0;
    node.hidden = !on;
    S.panel.mark(serving.show.clause);
    if (on) {
      const [title, lines] = S.panel.serving(row);
      const close = Object.assign(S.button("s-x", () => showClause(-1), "×"), { title: t("close"), ariaLabel: t("close") });
      S.clear(node, el("div", "", el("b", "", title), ...lines.map((line) => el("p", "", line))), close);
      const bounds = serving.bounds();
      if (bounds) fit(bounds.pad(0.05), 14);
      openPanel(false);
    }
    repaint();
  }

  /* Schemes and years. */
  function renderDeck() {
    const schemes = S.one(".s-schemes");
    S.time.render(S.one(".s-time"), () => { renderLegend(); repaint(); });
    schemes.hidden = !S.schemes.length;
    if (schemes.hidden) return;
    const row = el("div", "s-segment");
    [data.scheme, ...S.schemes.map((one) => one.name)].forEach((name, k) => {
      const item = S.button("", () => useScheme(k - 1), name);
      item.dataset.scheme = k;
      item.setAttribute("aria-pressed", String(k - 1 === S.state.scheme));
      row.append(item);
    });
    S.clear(schemes, el("b", "", t("schemes")), row);
  }
  function useScheme(k) {
    choose("", -1);
    S.useScheme(k);
    bind();
    S.one(".s-focus").hidden = true;
    S.setLanguage(S.state.language);
  }

  /* Pointer. */
  const world = (event) => map.getPixelOrigin().add(map.latLngToLayerPoint(event.latlng));
  function under(event, reach) {
    const point = world(event), zoom = map.getZoom(), scale = 256 * 2 ** zoom;
    const fuel = hydrogen.stationAt(zoom, point.x, point.y, reach);
    if (fuel >= 0) return ["hydrogen", fuel];
    const station = stations.stationAt(zoom, point.x, point.y, reach);
    if (station >= 0) return ["station", station];
    const out = dropped.placeAt(zoom, point.x, point.y, reach);
    if (out >= 0) return ["dropped", out];
    const unit = roadside.under(zoom, point.x, point.y, reach);
    if (unit) return unit;
    const road = testroads.sectionAt(zoom, point.x, point.y, reach);
    if (road >= 0) return ["testroad", road];
    const cell = base.demandAt({ scale }, point.x, point.y);
    return cell >= 0 ? ["demand", cell] : ["district", base.districtAt(point.x / scale, point.y / scale)];
  }
  map.on("click", (event) => {
    openPanel(false);
    const [kind, row] = under(event, phone() ? 9 : 3);
    if (kind !== "demand" && kind !== "district") choose(kind, row);
    else {
      const point = world(event), scale = 256 * 2 ** map.getZoom(), district = base.districtAt(point.x / scale, point.y / scale);
      choose(district >= 0 && !chosen.kind ? "district" : "", district);
    }
  });
  map.on("mousemove", (event) => {
    const [kind, row] = under(event, 3), station = kind === "station" ? row : -1, fuel = kind === "hydrogen" ? row : -1, road = kind === "testroad" ? row : -1, unit = kind === "rsu" ? row : -1, node = kind === "edgenode" ? row : -1;
    map.getContainer().classList.toggle("s-pointer", station >= 0 || fuel >= 0 || road >= 0 || unit >= 0 || node >= 0 || kind === "dropped");
    if (stations.show.hover !== station || hydrogen.show.hover !== fuel || testroads.show.hover !== road || roadside.show.hover !== unit) {
      roadside.show.hover = unit;
      testroads.show.hover = road;
      stations.show.hover = station;
      hydrogen.show.hover = fuel;
      above();
    }
    if (station >= 0) {
      const place = S.known("kind", stations.table.kinds[stations.table.kind[row]]);
      S.clear(tip, el("b", "", stations.name(row)), el("span", "", t("station.tip", { piles: S.number(stations.table.piles[row]), kind: place })));
    } else if (fuel >= 0) {
      S.clear(tip, el("b", "", hydrogen.name(row)), el("span", "", t(hydrogen.table.combined[row] ? "hydrogen.combined" : "hydrogen.alone")));
    } else if (unit >= 0) {
      S.clear(tip, el("b", "", roadside.name(unit)), el("span", "", `${S.known("kind", roadside.table.kind[unit])} · ${t(`legend.rsus.${roadside.LEVELS[roadside.table.level[unit]]}`)}`));
    } else if (node >= 0) {
      S.clear(tip, el("b", "", roadside.nodeName(node)), el("span", "", t("card.edgenode")));
    } else if (road >= 0) {
      S.clear(tip, el("b", "", testroads.name(road)), el("span", "", t("testroads.tip", { from: testroads.table.from_name[road], to: testroads.table.to_name[road], km: S.number(testroads.table.km[road], 2) })));
    } else if (kind === "dropped") {
      S.clear(tip, el("b", "", dropped.name(row)), el("span", "", `${dropped.programme(row)} · ${dropped.reason(row)}`));
    } else if (kind === "demand") {
      S.clear(tip, el("b", "", t("demand.cell")), el("span", "", t("demand.tip", { kwh: S.number(base.demand.kwh[row]), share: S.percent(base.share(row)) })));
    }
    tip.hidden = !(station >= 0 || fuel >= 0 || road >= 0 || unit >= 0 || node >= 0 || kind === "dropped" || kind === "demand");
    const { clientX, clientY } = event.originalEvent;
    tip.style.left = `${Math.min(clientX + 14, window.innerWidth - 275)}px`;
    tip.style.top = `${clientY + (clientY > window.innerHeight - 90 ? -58 : 16)}px`;
  });
  const leave = () => { tip.hidden = true; stations.show.hover = -1; hydrogen.show.hover = -1; testroads.show.hover = -1; roadside.show.hover = -1; above(); };
  map.on("mouseout", leave);
  map.on("movestart zoomstart", () => { tip.hidden = true; });

  /* Tabs, panel, legend. */
  function openPanel(open) {
    panel.dataset.open = String(open);
    S.one(".s-grip").setAttribute("aria-expanded", String(open));
  }
  const tabs = Array.from(app.querySelectorAll("[role=tab]"));
  function openTab(tab) {
    for (const other of tabs) {
      other.setAttribute("aria-selected", String(other === tab));
      other.tabIndex = other === tab ? 0 : -1;
      document.getElementById(other.getAttribute("aria-controls")).hidden = other !== tab;
    }
    S.one(".s-pages").scrollTop = 0;
  }
  tabs.forEach((tab, k) => {
    tab.addEventListener("click", () => { openTab(tab); openPanel(true); });
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const shown = tabs.filter((other) => other.offsetParent);
      if (!step) return;
      const next = shown[(shown.indexOf(tabs[k]) + step + shown.length) % shown.length];
      openTab(next);
      next.focus();
    });
  });
  S.one(".s-grip").addEventListener("click", () => openPanel(panel.dataset.open !== "true"));
  S.one(".s-legend-toggle").addEventListener("click", () => {
    const legend = S.one(".s-legend"), open = legend.dataset.open !== "true";
    legend.dataset.open = String(open);
    S.one(".s-legend-toggle").setAttribute("aria-expanded", String(open));
  });
  const renderLegend = () => S.legend.render(map.getZoom(), repaint);
  map.on("zoomend", renderLegend);
  for (const control of app.querySelectorAll("[data-zoom]")) {
    control.addEventListener("click", () => ({ in: () => map.zoomIn(), out: () => map.zoomOut(), home: () => fit(area) })[control.dataset.zoom]());
  }

  /* Language. */
  S.one(".s-language").addEventListener("click", () => S.setLanguage(S.state.language === "zh" ? "en" : "zh"));
  S.onLanguage(() => {
    S.panel.render(openDistrict, (row) => showClause(row === serving.show.clause ? -1 : row));
    renderLegend();
    renderDeck();
    if (serving.show.clause >= 0) showClause(serving.show.clause);
    if (chosen.kind) choose(chosen.kind, chosen.row);
    repaint();
  });

  S.search(choose, openDistrict, (kind, row) => map.setView(place(kind, row), Math.max(map.getZoom(), 14)));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (chosen.kind) choose("", -1);
    else if (serving.show.clause >= 0) showClause(-1);
  });
  app.hidden = false;
  S.one(".s-synthetic").hidden = !data.synthetic;
  map.invalidateSize({ animate: false });
  fit(area);
  map.setMinZoom(Math.max(0, Math.floor(map.getZoom()) - 1));
  map.setMaxBounds(area.pad(0.6));
  for (const painter of painters) painter.addTo(map);
  L.control.scale({ imperial: false, maxWidth: 130, position: "bottomleft" }).addTo(map);
  S.setLanguage("zh");
  window.addEventListener("resize", () => { map.invalidateSize({ animate: false }); });
  S.tiles(map);
  S.app = { map, choose, fit, showClause, useScheme };
  app.dataset.ready = "true";
};

/* Search by name or id; every word has to occur. */
siting.search = function (choose, openDistrict, goTo) {
  const S = siting, { t, el, data } = S, input = S.one(".s-search input"), list = S.one("#s-results"), MOST = 8;
  const fold = (text) => String(text).normalize("NFKC").toLowerCase();
  let entries = [], of = null;
  /* What can be found, anew for each scheme. */
  function fill() {
    if (of === S.stations) return;
    of = S.stations;
    entries = [];
    collect();
  }
  function collect() {
    data.districts.name.forEach((name, row) => entries.push({ kind: "district", row, text: fold(`${name} ${data.districts.name_en[row]}`) }));
    S.stations.table.name.forEach((name, row) => entries.push({ kind: "station", row, text: fold(`${name} ${S.stations.table.site_id[row]}`) }));
    S.hydrogen.table.name.forEach((name, row) => entries.push({ kind: "hydrogen", row, text: fold(`${name} ${S.hydrogen.table.site_id[row]} h2 hydrogen 加氢站`) }));
    S.testroads.table.section_id.forEach((id, row) => entries.push({ kind: "testroad", row, text: fold(`${S.testroads.table.road[row]} ${id} test road 测试道路`) }));
    S.roadside.table.site_id.forEach((id, row) => entries.push({ kind: "rsu", row, text: fold(`${S.roadside.table.name[row]} ${id} rsu 路侧`) }));
    S.serving.places.name.forEach((name, row) => entries.push({ kind: "place", row, text: fold(name) }));
    const roads = new Set();
    data.roads.labels.text.forEach((name, row) => {
      if (!roads.has(name)) entries.push({ kind: "road", row, text: fold(name) });
      roads.add(name);
    });
  }
  let found = [], active = 0;

  function open(entry) {
    close();
    input.blur();
    if (entry.kind === "district") openDistrict(entry.row);
    else if (entry.kind === "road" || entry.kind === "place") goTo(entry.kind, entry.row);
    else {
      goTo(entry.kind, entry.row);
      choose(entry.kind, entry.row);
    }
  }
  function close() {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }
  function option(entry, k) {
    const table = S.stations.table, row = entry.row;
    const [title, note] = {
      station: () => [S.stations.name(row), `${S.known("kind", table.kinds[table.kind[row]])} · ${table.site_id[row]}`],
      hydrogen: () => [S.hydrogen.name(row), `${t("card.hydrogen")} · ${S.hydrogen.table.site_id[row]}`],
      testroad: () => [S.testroads.name(row), `${t("card.testroad")} · ${S.testroads.table.section_id[row]}`],
      rsu: () => [S.roadside.name(row), `${t("card.rsu")} · ${S.roadside.table.site_id[row]}`],
      district: () => [S.basemap.districtName(row), t("search.district")],
      road: () => [data.roads.labels.text[row], t(`road.${data.roads.labels.class_id[row]}`)],
      place: () => [S.serving.places.name[row] || t("station.unnamed"), t(`legend.places.${S.serving.places.measure[row]}`)],
    }[entry.kind]();
    const node = el("li", "", el("b", "", title), el("span", "", note));
    node.id = `s-result-${k}`;
    node.setAttribute("role", "option");
    node.setAttribute("aria-selected", String(k === active));
    node.addEventListener("mousedown", (event) => { event.preventDefault(); open(entry); });
    return node;
  }
  function render() {
    const nodes = found.slice(0, MOST).map(option);
    if (!nodes.length) nodes.push(el("li", "s-muted", t("search.none")));
    if (found.length > MOST) nodes.push(el("li", "s-muted", t("search.more", { n: S.number(found.length - MOST) })));
    S.clear(list, ...nodes);
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    if (found.length) input.setAttribute("aria-activedescendant", `s-result-${active}`);
  }
  input.addEventListener("input", () => {
    const words = fold(input.value).split(/\s+/).filter(Boolean);
    if (!words.length) return close();
    fill();
    found = entries.filter((entry) => words.every((word) => entry.text.includes(word)));
    active = 0;
    return render();
  });
  input.addEventListener("keydown", (event) => {
    const shown = Math.min(found.length, MOST);
    if (event.key === "Escape") close();
    else if (list.hidden || !shown) return;
    else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      active = (active + (event.key === "ArrowDown" ? 1 : shown - 1)) % shown;
      render();
      event.preventDefault();
    } else if (event.key === "Enter") open(found[active]);
  });
  input.addEventListener("blur", close);
};
