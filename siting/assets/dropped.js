/* Candidates that excluded land or the roads dropped: small crosses, their reason in the card. */
"use strict";
siting.part("dropped", function () {
  const S = siting, { t, el } = S, table = S.data.dropped, COLOUR = "#b3261e", MOST = 6;
  const at = S.points(table);
  const show = { dropped: false, selected: -1 };
  const arm = (zoom) => (zoom < 11 ? 2.6 : 4.2);
  const name = (i) => table.name[i] || t("dropped.unnamed");
  const programme = (i) => S.known("programme", table.programmes[table.programme[i]]);
  /* A reason that a rule or the land gives is shown as it is; those that are made up here are translated. */
  function said(text) {
    const near = /^([\d.]+) m of (.+)$/.exec(text), far = /^farther than ([\d.]+) m from every road$/.exec(text);
    if (near) return t("dropped.near", { m: near[1], name: S.known("kind", near[2]) });
    return far ? t("dropped.far", { m: far[1] }) : text;
  }
  const reason = (i) => said(table.reasons[table.reason[i]]);

  function cross(ctx, x, y, r) {
    ctx.beginPath();
    ctx.moveTo(x - r, y - r);
    ctx.lineTo(x + r, y + r);
    ctx.moveTo(x - r, y + r);
    ctx.lineTo(x + r, y - r);
    ctx.stroke();
  }
  function paint(view) {
    if (!show.dropped) return;
    const { ctx } = view, r = arm(view.zoom);
    ctx.lineCap = "butt";
    for (const [wide, colour] of [[4, "rgba(255,255,255,0.9)"], [1.8, COLOUR]]) {
      ctx.lineWidth = wide;
      ctx.strokeStyle = colour;
      for (let i = 0; i < at.n; i += 1) {
        const x = at.x[i] * view.scale - view.ox, y = at.y[i] * view.scale - view.oy;
        if (x > -r && y > -r && x < view.w + r && y < view.h + r) cross(ctx, x, y, r);
      }
    }
    if (show.selected < 0) return;
    ctx.beginPath();
    ctx.arc(at.x[show.selected] * view.scale - view.ox, at.y[show.selected] * view.scale - view.oy, r + 6, 0, 2 * Math.PI);
    ctx.lineWidth = 2.4;
    ctx.strokeStyle = "#17212b";
    ctx.stroke();
  }

  /* The dropped place nearest to a world pixel within reach, -1 for none. */
  function placeAt(zoom, px, py, reach) {
    if (!show.dropped) return -1;
    const scale = 256 * 2 ** zoom;
    let best = -1, nearest = arm(zoom) + reach;
    for (let i = 0; i < at.n; i += 1) {
      const d = Math.hypot(at.x[i] * scale - px, at.y[i] * scale - py);
      if (d <= nearest) {
        best = i;
        nearest = d;
      }
    }
    return best;
  }

  /* Reasons with how many they dropped, the commonest first, the rare ones as one. */
  function counts() {
    const found = table.reasons.map((_, k) => [k, 0]);
    for (const k of table.reason) found[k][1] += 1;
    found.sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    const rest = found.slice(MOST).reduce((sum, row) => sum + row[1], 0);
    const shown = found.slice(0, MOST).map(([k, n]) => [said(table.reasons[k]), n]);
    return rest ? [...shown, [t("dropped.others"), rest]] : shown;
  }

  siting.card.dropped = function (i, actions) {
    const list = el("dl", "s-rows");
    const add = (key, value) => {
      const node = el("div", "", el("dt", "", t(`card.${key}`)), el("dd", "", value));
      node.dataset.field = key;
      list.append(node);
    };
    add("dropped.reason", reason(i));
    add("dropped.land", table.exclusion_id[i] || S.UNKNOWN);
    add("dropped.programme", programme(i));
    add("kind", S.known("road", table.kind[i]) === table.kind[i] ? S.known("kind", table.kind[i]) : S.known("road", table.kind[i]));
    add("id", table.site_id[i]);
    const chip = el("span", "s-chip", t("card.dropped"));
    const close = Object.assign(S.button("s-x", actions.close, "×"), { title: t("close"), ariaLabel: t("close") });
    const head = el("div", "s-card-head", el("h2", "", name(i)), close);
    return [head, el("div", "s-chips", chip), list, S.button("s-link", actions.locate, t("card.locate"))];
  };
  return { at, table, show, name, programme, reason, paint, placeAt, counts, COLOUR };
});
