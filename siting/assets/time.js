/* When things are built: one switch over every layer that knows its year, or else its batch. */
"use strict";
siting.part("time", function () {
  const S = siting, { data, t, el } = S;
  const show = { until: 0 };
  const LAYERS = {
    stations: data.stations, hydrogen: data.hydrogen, rsus: data.roadside.rsus, edgenodes: data.roadside.edge_nodes,
    zones: data.roadside.zones, testroads: data.testroads,
  };
  const unit = Object.values(LAYERS).some((layer) => layer.when && layer.when.unit === "year") ? "year" : "batch";
  const when = {};
  for (const [name, layer] of Object.entries(LAYERS)) when[name] = layer.when && layer.when.unit === unit ? layer.when.step : null;
  const steps = [...new Set(Object.values(when).flatMap((step) => step || []))].filter((step) => step > 0).sort((a, b) => a - b);

  /* What has no date is there from the start. */
  const there = (name, i) => !show.until || !when[name] || when[name][i] <= show.until;
  const count = (name) => (when[name] ? when[name].filter((step) => step <= show.until).length : null);
  const label = (step) => t(`time.${unit}`, { n: step });
  function sums() {
    if (!show.until) return t("time.note");
    const km = when.testroads ? data.testroads.km.reduce((sum, part, i) => sum + (there("testroads", i) ? part : 0), 0) : 0;
    const parts = [["stations", count("stations")], ["hydrogen", count("hydrogen")], ["rsus", count("rsus")]]
      .filter(([, n]) => n !== null).map(([name, n]) => `${t(`legend.${name}`)} ${S.number(n)}`);
    if (km) parts.push(`${t("legend.testroads")} ${S.number(km, 1)} km`);
    return parts.join(" · ");
  }

  /* `changed` repaints; a step of the play takes long enough to be looked at. */
  let timer = 0;
  function stop() {
    clearInterval(timer);
    timer = 0;
  }
  function render(node, changed) {
    node.hidden = steps.length < 2;
    if (node.hidden) return;
    const go = (step) => {
      show.until = step;
      render(node, changed);
      changed();
    };
    const options = [...steps.slice(0, -1).map((step) => [step, label(step)]), [0, t("time.all")]];
    const row = el("div", "s-segment");
    for (const [step, text] of options) {
      const item = S.button("", () => { stop(); go(step); }, text);
      item.dataset.step = step;
      item.setAttribute("aria-pressed", String(step === show.until));
      row.append(item);
    }
    const play = S.button("s-play", () => {
      if (timer) { stop(); return render(node, changed); }
      let at = 0;
      const next = () => {
        const [step] = options[at];
        at += 1;
        if (at >= options.length) stop();
        go(step);
      };
      timer = setInterval(next, 1400);
      return next();
    }, timer ? "❚❚" : "▶");
    play.title = t(timer ? "time.stop" : "time.play");
    play.setAttribute("aria-label", play.title);
    S.clear(node, el("b", "", t("time")), row, play, el("p", "s-muted", sums()));
  }
  return { show, steps, unit, there, label, render };
});
