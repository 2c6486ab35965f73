/* Hydrogen stations, painted over the charging stations as diamonds with an H. */
"use strict";
siting.part("hydrogen", function () {
  const S = siting, base = S.basemap, table = S.data.hydrogen, COLOUR = "#0a6cc4";
  const at = S.points(table);
  const show = { hydrogen: true, selected: -1, hover: -1 };
  const radius = (zoom) => (zoom <= 8 ? 7 : zoom >= 14 ? 12 : 7 + (5 * (zoom - 8)) / 6);
  const name = (i) => table.name[i] || S.t("station.unnamed");

  /* Filled is a combined station, a white diamond stands alone. */
  function symbol(ctx, x, y, r, combined) {
    ctx.beginPath();
    ctx.moveTo(x, y - r);
    ctx.lineTo(x + r, y);
    ctx.lineTo(x, y + r);
    ctx.lineTo(x - r, y);
    ctx.closePath();
    ctx.lineWidth = 4;
    ctx.strokeStyle = "#fff";
    ctx.stroke();
    ctx.fillStyle = combined ? COLOUR : "#fff";
    ctx.fill();
    ctx.lineWidth = 1.8;
    ctx.strokeStyle = COLOUR;
    ctx.stroke();
    ctx.font = `700 ${Math.round(0.95 * r)}px ${base.FONT}`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.fillStyle = combined ? "#fff" : COLOUR;
    ctx.fillText("H", x, y + 0.5);
  }

  function paint(view) {
    if (!show.hydrogen) return;
    const { ctx } = view, r = radius(view.zoom);
    for (let i = 0; i < at.n; i += 1) {
      if (!S.time.there("hydrogen", i)) continue;
      const x = at.x[i] * view.scale - view.ox, y = at.y[i] * view.scale - view.oy;
      if (x < -r || y < -r || x > view.w + r || y > view.h + r) continue;
      ctx.globalAlpha = S.serving.alpha("hydrogen", i);
      symbol(ctx, x, y, r, table.combined[i]);
      ctx.globalAlpha = 1;
      if (i !== show.selected && i !== show.hover) continue;
      ctx.beginPath();
      ctx.arc(x, y, r + (i === show.selected ? 5 : 3), 0, 2 * Math.PI);
      ctx.lineWidth = i === show.selected ? 2.4 : 1.6;
      ctx.strokeStyle = i === show.selected ? "#17212b" : "rgba(23,33,43,0.65)";
      ctx.stroke();
    }
  }

  const boxes = (view) => (show.hydrogen ? Array.from({ length: at.n }, (_, i) => {
    const x = at.x[i] * view.scale - view.ox, y = at.y[i] * view.scale - view.oy, r = 0.8 * radius(view.zoom);
    return [x - r, y - r, x + r, y + r];
  }) : []);
  /* The hydrogen station nearest to a world pixel within reach, -1 for none. */
  function stationAt(zoom, px, py, reach) {
    if (!show.hydrogen) return -1;
    const scale = 256 * 2 ** zoom;
    let best = -1, nearest = radius(zoom) + reach;
    for (let i = 0; i < at.n; i += 1) {
      const d = Math.hypot(at.x[i] * scale - px, at.y[i] * scale - py);
      if (d <= nearest && S.time.there("hydrogen", i)) {
        best = i;
        nearest = d;
      }
    }
    return best;
  }

  return { at, table, show, name, paint, boxes, stationAt, COLOUR };
});
