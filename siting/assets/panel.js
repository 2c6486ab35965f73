/* The panel: overview with the banner, the clause ledger, districts, and what it all rests on. */
"use strict";
siting.part("panel", function () {
  const S = siting, { data, t, el } = S, run = data.run;
  const TYPE_COLOURS = ["#a9c7cc", "#5ea0ab", "#2f7784", "#134d59", "#d9a441", "#b0602f", "#7d55a3", "#66727e"];

  const count = (value) => S.number(value);
  const heading = (key) => el("h2", "", t(key));
  const pair = (key, value, unit) => [el("dt", "", t(key)), el("dd", "", unit && value !== S.UNKNOWN ? `${value} ${unit}` : value)];

  /* Only a bound proves anything: without one the plan is called unproven. */
  function verdict() {
    const known = S.finite(run.gap) && S.finite(run.bound);
    if (run.status === "optimal") return ["good", t("status.optimal"), t("status.optimal.detail")];
    if (run.status !== "feasible") return ["bad", t("status.none", { status: run.status || S.UNKNOWN }), t("status.none.detail")];
    if (!known) return ["bad", t("status.unproven"), t("status.unproven.detail")];
    const meaning = run.objective_meaning === "demand served, kWh a day" ? t("objective.served") : "";
    const words = { meaning, gap: S.gapText(run.gap), bound: S.number(run.bound, 0), objective: S.number(run.objective, 0) };
    return [run.gap <= 0.01 ? "good" : "warn", t("status.within", words), t("status.within.detail", words)];
  }
  /* Rounded up, so that the claim stays true. */
  function banner() {
    const [tone, title, detail] = verdict();
    const node = el("div", `s-banner s-${tone}`, el("strong", "", title), el("p", "", detail));
    if (run.verified === true) node.append(el("p", "s-check", `✓ ${t("verified.yes")}`));
    if (run.verified === false) node.append(el("p", "s-check", `✗ ${t("verified.no")}`));
    return node;
  }

  function figure(key, value, unit, note) {
    const dd = el("dd", "", value);
    if (unit) dd.append(el("small", "", unit));
    const node = el("div", "", el("dt", "", t(`figure.${key}`)), dd, el("p", "", note));
    node.dataset.figure = key;
    return node;
  }
  function figures() {
    const sum = data.totals, mw = (kw) => S.number(kw / 1000, 1), both = sum.cost_cny + sum.hydrogen_cost_cny + sum.roadside_cost_cny + sum.test_road_cost_cny, cost = S.money(both);
    return el("dl", "s-figures",
      figure("stations", count(sum.stations), "", t("figure.stations.note", { new: count(sum.stations - sum.kept), kept: count(sum.kept) })),
      figure("piles", count(sum.piles), "", t("figure.piles.note", { n: S.number(sum.stations ? sum.piles / sum.stations : null, 1) })),
      figure("cost", cost[0], cost[1], t("figure.cost.note", { n: S.moneyText(sum.piles ? sum.cost_cny / sum.piles : null) })),
      sum.hydrogen_stations ? figure("hydrogen", count(sum.hydrogen_stations), "", t("figure.hydrogen.note", { n: S.moneyText(sum.hydrogen_cost_cny) })) : null,
      sum.rsus ? figure("rsus", count(sum.rsus), "", t("figure.rsus.note", { junctions: count(sum.junctions), nodes: count(sum.edge_nodes), cost: S.moneyText(sum.roadside_cost_cny) })) : null,
      sum.rsus ? figure("built", S.number(sum.roadside_reading === "footprint" ? sum.built_area_footprint_km2 : sum.built_area_zone_km2, 1), "km²", t(`figure.built.${sum.roadside_reading === "footprint" ? "footprint" : "zone"}`, { n: S.number(sum.roadside_reading === "footprint" ? sum.built_area_zone_km2 : sum.built_area_footprint_km2, 1) })) : null,
      sum.test_road_km ? figure("testroads", S.number(sum.test_road_km, 1), "km", t("figure.testroads.note", { opening: S.moneyText(sum.test_road_opening_cny), retrofit: S.moneyText(sum.test_road_retrofit_cny) })) : null,
      figure("served", S.percent(sum.kwh_day ? sum.served_kwh_day / sum.kwh_day : null), "", t("figure.served.note", { served: count(sum.served_kwh_day), kwh: count(sum.kwh_day) })),
      figure("power", mw(sum.installed_kw), t("unit.mw"), t("figure.power.note", { n: mw(sum.peak_kw) })),
      figure("utilisation", S.percent(sum.capacity_kwh_day ? sum.station_served_kwh_day / sum.capacity_kwh_day : null), "", t("figure.utilisation.note")));
  }

  /* Clauses. Shares are held as fractions and shown as percentages. */
  const isShare = (row) => /^(share|ratio|1)$/.test(row.unit) || (/_share$/.test(row.measure) && row.unit !== "%");
  function amount(row, value) {
    if (isShare(row)) return S.percent(value);
    const text = S.number(value, 2, 0);
    return row.unit === "%" && text !== S.UNKNOWN ? `${text} %` : text;
  }
  const quantified = (row) => S.finite(row.target) && S.finite(row.planned);
  const binding = (row) => row.status === "met" || row.status === "short" || (row.status === "preference" && quantified(row));
  const TONE = { met: "s-good", short: "s-bad", preference: "s-warn" };
  const chip = (row) => el("span", `s-chip ${TONE[row.status] || ""}`, S.known("clause", row.status));
  const measure = (row) => S.known("measure", row.measure);
  const difference = (row, value) => (isShare(row) ? `${S.number(100 * value, 1)}${t("unit.points")}` : amount(row, value));
  function margin(row) {
    if (!quantified(row)) return [t("clause.slack"), S.UNKNOWN];
    const over = /^</.test(row.relation) ? row.target - row.planned : row.planned - row.target;
    const text = difference(row, Math.abs(over));
    return over < 0 ? [t("clause.gap"), `−${text}`] : [t("clause.slack"), over > 0 ? `+${text}` : text];
  }
  const sign = (relation) => ({ ">=": "≥", "<=": "≤", "==": "=" })[relation] || relation;

  const figureText = (row, value) => `${amount(row, value)}${t(`measure.unit.${row.unit}`) === `measure.unit.${row.unit}` ? "" : ` ${t(`measure.unit.${row.unit}`)}`}`;
  /* Title and lines of what serves the clause in a row of the ledger. */
  function serving(index) {
    const row = data.clauses[index], asked = quantified(row);
    const title = `${row.clause || t("clause.own")} · ${measure(row)}`;
    return [title, S.serving.text(index, asked ? (value) => figureText(row, value) : null)];
  }
  /* Marks the clause whose servants the map shows, -1 for none. */
  function mark(index) {
    for (const node of document.querySelectorAll("#siting [data-row]")) node.classList.toggle("s-shown", Number(node.dataset.row) === index);
  }

  function targets(show) {
    const rows = data.clauses.filter((row) => binding(row) && quantified(row));
    if (!rows.length) return el("p", "s-muted", t("overview.targets.none"));
    return el("div", "", ...rows.map((row) => {
      const reached = row.target > 0 ? row.planned / row.target : 1, index = data.clauses.indexOf(row);
      const node = S.button("s-target", () => show(index),
        el("div", "s-target-row", el("span", "", measure(row)), el("b", "", figureText(row, row.planned)), el("span", "s-muted", `${sign(row.relation)} ${amount(row, row.target)}`)),
        S.bar(reached, row.status === "short" ? "s-is-short" : ""));
      node.title = t("serving.show");
      node.dataset.row = index;
      node.disabled = !S.serving.members(index);
      return node;
    }));
  }
  function clause(row, show) {
    const index = data.clauses.indexOf(row), served = S.serving.members(index);
    const summary = el("summary", "",
      el("div", "s-clause-head", el("span", "s-code", row.clause || t("clause.own")), el("b", "", measure(row)), chip(row)));
    if (quantified(row) || S.finite(row.target)) {
      const [word, text] = margin(row);
      const cell = (label, value) => el("div", "", el("span", "", label), el("b", "", value));
      summary.append(el("div", "s-triple",
        cell(t("clause.target"), `${sign(row.relation)} ${amount(row, row.target)}`), cell(t("clause.planned"), amount(row, row.planned)), cell(word, text)));
    }
    const body = el("dl", "s-clause-body");
    for (const key of ["quote", "document", "reading", "note"]) {
      if (S.said(row[key])) body.append(el("dt", "", t(`clause.${key}`)), el("dd", "", S.said(row[key])));
    }
    if (served) summary.append(el("div", "s-serves", ...serving(index)[1].slice(0, 2).map((line) => el("span", "", line))));
    const node = el("details", "s-clause", summary, body.childElementCount ? body : null);
    node.dataset.clause = row.clause;
    if (served) {
      node.dataset.row = index;
      summary.title = t("serving.show");
      summary.addEventListener("click", () => show(index));
    }
    return node;
  }
  function clauses(show) {
    const main = data.clauses.filter(binding), rest = data.clauses.filter((row) => !binding(row));
    const nodes = [el("p", "s-muted", t("clauses.intro")), ...main.map((row) => clause(row, show))];
    if (rest.length) {
      const group = el("details", "s-group", el("summary", "", t("clauses.other", { n: rest.length })), ...rest.map((row) => clause(row, show)));
      group.open = !main.length;
      nodes.push(group);
    }
    return nodes;
  }

  /* The first row sums all districts; the worst is the one with the least demand within reach. */
  function service() {
    const [all, ...rest] = data.service;
    if (!all) return [];
    const known = rest.filter((row) => S.finite(row.kwh_share_within));
    const far = (row) => (S.finite(row.distance_p95_m) ? row.distance_p95_m : Infinity);
    const worst = known.reduce((a, b) => (b.kwh_share_within < a.kwh_share_within || (b.kwh_share_within === a.kwh_share_within && far(b) > far(a)) ? b : a), known[0]);
    const list = el("dl", "s-pairs");
    const add = (key, value) => {
      const [dt, dd] = pair(`service.${key}`, value);
      dd.dataset.service = key;
      list.append(dt, dd);
    };
    add("kwh", S.percent(all.kwh_share_within));
    add("people", S.percent(all.people_share_within));
    add("rural", S.percent(all.rural_people_share_within));
    add("p95", S.metres(all.distance_p95_m));
    if (worst) {
      const d = data.districts.district_id.indexOf(worst.district_id);
      add("worst", `${d >= 0 ? S.basemap.districtName(d) : worst.district_id} · ${S.percent(worst.kwh_share_within)}`);
    }
    return [heading("overview.service"), list, el("p", "s-muted", t("overview.service.note"))];
  }

  function pileTypes() {
    const types = data.pile_types, all = Math.max(1, types.reduce((sum, type) => sum + type.piles, 0));
    const stack = el("div", "s-stack"), list = el("ul", "s-types");
    types.forEach((type, k) => {
      const colour = TYPE_COLOURS[k % TYPE_COLOURS.length], piece = el("i"), swatch = el("i", "s-swatch");
      piece.style.background = colour;
      piece.style.flexGrow = type.piles;
      swatch.style.background = colour;
      if (type.piles > 0) stack.append(piece);
      list.append(el("li", "", swatch, el("span", "", S.pick(type.label_zh, type.label_en)), el("b", "", count(type.piles)), el("em", "", S.percent(type.piles / all))));
    });
    return el("div", "", stack, list);
  }

  function districts(choose) {
    const d = data.districts, table = el("table", "s-table"), body = el("tbody");
    table.append(el("thead", "", el("tr", "", ...["name", "stations", "piles", "served", "cost"].map((key) => el("th", "", t(`districts.${key}`))))), body);
    const rows = d.name.map((_, row) => row).sort((a, b) => d.piles[b] - d.piles[a] || a - b);
    for (const row of rows) {
      const line = el("tr", "",
        el("td", "", S.basemap.districtName(row)), el("td", "", count(d.stations[row])), el("td", "", count(d.piles[row])),
        el("td", "", S.percent(d.served_share[row]), S.bar(d.served_share[row])), el("td", "", S.moneyText(d.cost_cny[row])));
      line.tabIndex = 0;
      line.dataset.district = d.district_id[row];
      line.addEventListener("click", () => choose(row));
      line.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(row); });
      body.append(line);
    }
    return [table];
  }

  function basis() {
    const dropped = data.roads.dropped.map((id) => t(`road.${id}`)).join(t("language.other") === "EN" ? "、" : ", ");
    const roads = t("basis.roads.note", { m: S.number(data.roads.tolerance_m) }) + (dropped ? t("basis.roads.dropped", { classes: dropped }) : "");
    const gap = S.finite(run.gap) ? S.gapText(run.gap) : S.UNKNOWN;
    const nodes = [heading("basis.run"), el("dl", "s-pairs",
      ...pair("basis.model", run.model || S.UNKNOWN), ...(run.run_id ? pair("basis.runid", run.run_id) : []),
      ...pair("basis.gap", gap), ...pair("basis.seconds", S.number(run.seconds, 1), t("unit.seconds")),
      ...(S.finite(run.peak_memory_mb) ? pair("basis.memory", S.number(run.peak_memory_mb), "MB") : []), ...pair("basis.roads", roads))];
    if (run.notes.length) nodes.push(heading("basis.notes"), el("ul", "s-list", ...run.notes.map((note) => el("li", "s-muted", S.said(note)))));
    if (run.inputs.length) {
      nodes.push(heading("basis.inputs"), el("ul", "s-list", ...run.inputs.map((input) => el("li", "",
        el("b", "", input.name), el("div", "s-muted", [S.said(input.source), S.said(input.licence), S.said(input.datum)].filter(Boolean).join(" · "))))));
    }
    if (data.assumptions.length) {
      const unsourced = data.assumptions.filter((row) => row.unsourced).length;
      nodes.push(heading("basis.assumptions"), el("p", "s-muted", t("basis.assumptions.note", { n: data.assumptions.length, unsourced })),
        el("ul", "s-list", ...data.assumptions.map((row) => el("li", "",
          el("div", "s-row", el("span", "", row.key), el("b", "", `${typeof row.value === "number" ? S.number(row.value, 6, 0) : S.said(row.value)} ${S.said(row.unit)}`.trim()), row.unsourced ? el("span", "s-chip s-warn", t("basis.unsourced")) : null),
          el("div", "s-muted", S.said(row.source))))));
    }
    return nodes;
  }

  function render(choose, show) {
    S.one(".s-title").textContent = S.pick(data.title.zh, data.title.en);
    S.one(".s-subtitle").textContent = [S.state.language === "zh" ? data.title.en : data.title.zh].filter((other) => other && other !== S.one(".s-title").textContent).join("");
    S.clear(S.one("#s-overview"), banner(), ...S.joint.banner(), figures(), heading("overview.targets"), targets(show), ...S.joint.section(), ...service(), heading("overview.piles"), pileTypes());
    S.clear(S.one("#s-clauses"), ...clauses(show));
    S.clear(S.one("#s-districts"), ...districts(choose));
    S.clear(S.one("#s-basis"), ...basis());
    S.one(".s-approval").textContent = `${t("approval")}${t("colon")}${data.approval || t("approval.none")}`;
    S.one(".s-attribution").textContent = [data.tiles && data.tiles.shifted ? t("shifted") : "", S.said(data.attribution), data.tiles ? data.tiles.attribution : ""].filter((text, k, all) => text && all.indexOf(text) === k).join(" · ");
    // In both languages, because a picture of the map goes further than its reader.
    S.one(".s-invented").textContent = data.strings.synthetic.join(" / ");
    S.one(".s-invented").hidden = !data.synthetic;
  }
  return { render, serving, mark };
});
