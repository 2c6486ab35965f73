/* The card of the chosen station or district. */
"use strict";
siting.part("card", function () {
  const S = siting, { data, t, el } = S;

  function row(key, value, className) {
    const node = el("div", className || "", el("dt", "", key), el("dd", "", value));
    return node;
  }
  const amount = (value, decimals, unit) => (S.finite(value) ? `${S.number(value, decimals, 0)} ${unit}`.trim() : S.UNKNOWN);
  const head = (title, close) => el("div", "s-card-head", el("h2", "", title), Object.assign(S.button("s-x", close, "×"), { title: t("close"), ariaLabel: t("close") }));
  function chip(text, colour) {
    const node = el("span", "s-chip"), dot = el("i");
    if (colour) {
      dot.style.background = colour;
      node.append(dot);
    }
    node.append(text);
    return node;
  }

  /* Where it is, in degrees of the map's datum, to the metre. */
  const place = (points, i) => `${points.lon[i].toFixed(5)}, ${points.lat[i].toFixed(5)}${data.tiles && data.tiles.shifted ? " (GCJ-02)" : ""}`;
  const year = (layer, i) => (layer.when && layer.when.step[i] > 0 ? (layer.when.unit === "year" ? String(layer.when.step[i]) : t("time.batch", { n: layer.when.step[i] })) : t("card.year.there"));
  const word = (table, name, i) => (table[name] ? S.known(`card.${name}`, table[`${name}_texts`][table[name][i]]) : "");
  /* What a lock asks of an item, with its reason and who asked. */
  function locked(item, id, add) {
    const lock = (data.locks || []).find((one) => one.item === item && one.ids.includes(id));
    if (lock) add("lock", [t(`lock.${lock.what}`), lock.reason, lock.who].filter(Boolean).join(" · "));
  }

  /* A wait without an end has no number; everybody waits then. */
  function wait(minutes, probability) {
    if (!S.finite(probability)) return S.UNKNOWN;
    return S.finite(minutes) ? t("card.wait.text", { n: S.number(minutes, 1, 0), share: S.percent(probability) }) : t("card.wait.endless");
  }

  function station(i, actions) {
    const table = S.stations.table, district = data.districts.district_id.indexOf(table.district_ids[table.district[i]]);
    const where = district >= 0 ? S.basemap.districtName(district) : table.districts[table.district[i]];
    const list = el("dl", "s-rows");
    const add = (name, value, className) => { const node = row(t(`card.${name}`), value, className); node.dataset.field = name; list.append(node); };
    add("id", table.site_id[i]);
    locked("charging", table.site_id[i], add);
    add("district.label", `${where} · ${t(table.urban[i] ? "card.urban" : "card.rural")}`);
    add("piles", S.number(table.piles[i]));
    data.pile_types.forEach((type, k) => {
      if (table.by_type[k][i] > 0) {
        const node = row(S.pick(type.label_zh, type.label_en), S.number(table.by_type[k][i]), "s-sub");
        node.dataset.field = `piles_${type.type_id}`;
        list.append(node);
      }
    });
    if (table.kept_piles && table.kept_piles[i] > 0) add("kept", S.number(table.kept_piles[i]));
    if (table.max_piles) add("most", S.number(table.max_piles[i]));
    if (table.when) add("year", year(table, i));
    if (table.policy && table.kept[i]) add("policy", word(table, "policy", i));
    if (table.access) add("users", word(table, "access", i));
    add("installed", amount(table.installed_kw[i], 1, t("unit.kw")));
    if (table.kw_limit) add("limit", amount(table.kw_limit[i], 0, t("unit.kw")));
    add("peak", amount(table.peak_kw[i], 1, t("unit.kw")));
    add("transformer", amount(table.transformer_kva[i], 0, t("unit.kva")));
    add("wait", wait(table.wait_minutes[i], table.wait_probability[i]));
    if (table.substation_id) add("substation", word(table, "substation_id", i) || S.UNKNOWN);
    add("capacity", amount(table.capacity_kwh_day[i], 1, t("unit.kwhday")));
    add("served", amount(table.served_kwh_day[i], 1, t("unit.kwhday")));
    add("utilisation", S.percent(table.utilisation[i]));
    list.append(S.bar(table.utilisation[i], "s-use"));
    add("cost", S.costText(table.cost_cny[i]));
    if (table.fixed_cost_cny) add("fixed", S.costText(table.fixed_cost_cny[i]));
    if (table.cost_factor && table.cost_factor[i] !== 1 && S.finite(table.cost_factor[i])) add("factor", `× ${S.number(table.cost_factor[i], 2)}`);
    if (table.v2g_ready[i]) add("v2g", t("card.v2g.yes"));
    if (table.storage_kwh[i] > 0 || table.pv_kw[i] > 0) add("storage", t("card.storage.text", { kwh: S.number(table.storage_kwh[i]), kw: S.number(table.pv_kw[i]) }));
    if (table.preference_cost_cny[i] > 0) add("preference", S.costText(table.preference_cost_cny[i]));
    add("access", amount(table.access_m[i], 0, t("unit.m")));
    add("place", place(S.stations.at, i));
    add("clauses", table.clause_sets[table.clauses[i]] || S.UNKNOWN);
    const area = S.stations.catchment(i);
    const text = area.cells ? t("card.catchment.text", { n: S.number(area.cells), mean: S.metres(area.mean), far: S.metres(area.far) }) : t("card.catchment.none");
    const chips = el("div", "s-chips",
      chip(S.known("kind", table.kinds[table.kind[i]]), S.stations.GROUPS[S.stations.group[i]].colour),
      chip(t(`station.${S.stations.statusOf(i)}`)), table.mandatory[i] ? chip(t("station.mandatory")) : null);
    return [head(S.stations.name(i), actions.close), chips, list, el("p", "s-catchment", `${t("card.catchment")}${t("colon")}${text}`), S.button("s-link", actions.locate, t("card.locate"))];
  }

  function hydrogen(i, actions) {
    const table = S.hydrogen.table, home = data.districts.district_id.indexOf(table.district_id[i]);
    const where = home >= 0 ? S.basemap.districtName(home) : table.district[i], list = el("dl", "s-rows");
    const add = (name, value) => { const node = row(t(`card.${name}`), value); node.dataset.field = name; list.append(node); };
    add("id", table.site_id[i]);
    locked("hydrogen", table.site_id[i], add);
    add("district.label", `${where} · ${t(table.urban[i] ? "card.urban" : "card.rural")}`);
    add("hydrogen.capacity", amount(table.capacity_kg_day[i], 1, t("unit.kgday")));
    add("hydrogen.served", amount(table.served_kwh_day[i], 1, t("unit.kwhday")));
    add("hydrogen.share", S.percent(table.served_share[i]));
    add("hydrogen.corridor", amount(table.corridor_km[i], 1, "km"));
    add("hydrogen.protected", amount(table.nearest_protected_m[i], 1, t("unit.m")));
    add("hydrogen.junction", amount(table.nearest_junction_m[i], 1, t("unit.m")));
    add("hydrogen.supply", amount(table.supply_m[i], 1, t("unit.m")));
    add("cost", S.costText(table.cost_cny[i]));
    add("access", amount(table.access_m[i], 0, t("unit.m")));
    if (table.when) add("year", year(table, i));
    add("place", place(S.hydrogen.at, i));
    add("clauses", table.clauses[i] || S.UNKNOWN);
    const chips = el("div", "s-chips", chip(t("card.hydrogen"), S.hydrogen.COLOUR), chip(S.known("kind", table.kind[i])), chip(t(table.combined[i] ? "hydrogen.combined" : "hydrogen.alone")));
    return [head(S.hydrogen.name(i), actions.close), chips, list, S.button("s-link", actions.locate, t("card.locate"))];
  }

  function testroad(i, actions) {
    const roads = S.testroads, table = roads.table, home = data.districts.district_id.indexOf(table.district_id[i]);
    const where = home >= 0 ? S.basemap.districtName(home) : table.district[i], list = el("dl", "s-rows");
    const add = (name, value) => { const node = row(t(`card.${name}`), value); node.dataset.field = name; list.append(node); };
    const sort = table.sorts.find((one) => one.id === table.sort[i]);
    add("id", table.section_id[i]);
    locked("test_road", table.section_id[i], add);
    add("testroad.from", table.from_name[i]);
    add("testroad.to", table.to_name[i]);
    add("testroad.km", amount(table.km[i], 3, "km"));
    add("district.label", where);
    add("testroad.sort", sort ? S.pick(sort.label_zh, sort.label_en) : table.sort[i]);
    add("testroad.grade", table.grade[i]);
    add("testroad.phase", table.phase_name[i]);
    add("testroad.covered", S.percent(table.covered[i]));
    add("testroad.opening", S.costText(table.opening_cny[i]));
    add("testroad.retrofit", S.costText(table.retrofit_cny[i]));
    add("testroad.note", table.note[i] || S.UNKNOWN);
    const chips = el("div", "s-chips", chip(t("card.testroad"), roads.colourOf(roads.keyOf(i))), chip(table.phase_name[i]));
    return [head(roads.name(i), actions.close), chips, list, S.button("s-link", actions.locate, t("card.locate"))];
  }

  function batch(phase, year) {
    return t("card.rsu.batch.text", { n: phase, year });
  }
  function rsu(i, actions) {
    const roadside = S.roadside, table = roadside.table, home = data.districts.district_id.indexOf(table.district_id[i]);
    const where = home >= 0 ? S.basemap.districtName(home) : table.district[i], list = el("dl", "s-rows");
    const add = (name, value) => { const node = row(t(`card.${name}`), value); node.dataset.field = name; list.append(node); };
    const level = t(`legend.rsus.${roadside.LEVELS[table.level[i]]}`);
    add("id", table.site_id[i]);
    locked("roadside", table.site_id[i], add);
    add("district.label", where);
    add("rsu.road", table.road[i] || S.UNKNOWN);
    add("rsu.level", level);
    add("rsu.reuse", t(table.reuse[i] ? "card.rsu.yes" : "card.rsu.no"));
    add("rsu.radius", amount(table.radius_m[i], 0, t("unit.m")));
    add("rsu.batch", batch(table.phase[i], table.year[i]));
    if (table.node[i] >= 0) {
      add("rsu.node", roadside.nodeName(table.node[i]));
      add("rsu.fibre", S.metres(table.fibre_m[i]));
    }
    add("cost", S.costText(table.cost_cny[i]));
    if (table.shared && table.shared[i] >= 0) {
      add("rsu.shared", S.stations.name(table.shared[i]));
      add("rsu.saving", S.costText(table.shared_saving_cny[i]));
    }
    add("place", place(roadside.at, i));
    add("clauses", table.clauses[i] || S.UNKNOWN);
    const chips = el("div", "s-chips", chip(t("card.rsu"), roadside.COLOURS[table.level[i]]), chip(S.known("kind", table.kind[i])), table.mandatory[i] ? chip(t("card.rsu.mandatory")) : null);
    return [head(roadside.name(i), actions.close), chips, list, S.button("s-link", actions.locate, t("card.locate"))];
  }
  function edgenode(i, actions) {
    const roadside = S.roadside, table = roadside.nodes, home = data.districts.district_id.indexOf(table.district_id[i]);
    const where = home >= 0 ? S.basemap.districtName(home) : table.district[i], list = el("dl", "s-rows");
    const add = (name, value) => { const node = row(t(`card.${name}`), value); node.dataset.field = name; list.append(node); };
    add("id", table.edge_node_id[i]);
    locked("edge_node", table.edge_node_id[i], add);
    add("district.label", where);
    add("edgenode.sites", S.number(table.sites[i]));
    add("rsu.fibre", S.metres(table.fibre_m[i]));
    add("rsu.batch", batch(table.phase[i], table.year[i]));
    add("cost", S.costText(table.cost_cny[i]));
    add("place", place(roadside.nodeAt, i));
    return [head(roadside.nodeName(i), actions.close), el("div", "s-chips", chip(t("card.edgenode"), roadside.NODE)), list, S.button("s-link", actions.locate, t("card.locate"))];
  }

  function district(d, actions) {
    const table = data.districts, list = el("dl", "s-rows");
    const add = (name, value) => { const node = row(t(`districts.${name}`), value); node.dataset.field = name; list.append(node); };
    add("population", amount(table.population[d], 0, t("unit.people")));
    add("area", amount(table.area_km2[d], 1, t("unit.km2")));
    add("stations", S.number(table.stations[d]));
    add("piles", S.number(table.piles[d]));
    add("per10k", amount(S.basemap.per10k(d), 1, ""));
    add("demand", amount(table.kwh_day[d], 0, t("unit.kwhday")));
    add("served", S.percent(table.served_share[d]));
    add("cost", S.moneyText(table.cost_cny[d]));
    return [head(S.basemap.districtName(d), actions.close), el("div", "s-chips", chip(t("card.district"))), list, S.button("s-link", actions.locate, t("card.locate"))];
  }
  return { station, hydrogen, testroad, rsu, edgenode, district };
});
