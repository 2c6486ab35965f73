/* The ground: district shading, demand, roads, borders and names, painted on one canvas. */
"use strict";
siting.part("basemap", function () {
  const S = siting, data = S.data;
  const FONT = getComputedStyle(document.documentElement).getPropertyValue("--sans") || "sans-serif";
  const show = { roads: !S.data.tiles, districts: true, labels: true, demand: true, fill: "none" };
  const FILLS = {
    served: { breaks: [0.5, 0.7, 0.85, 0.95], colours: ["#f2e4d3", "#dfe6d8", "#b9d5cf", "#84b8b8", "#4a949c"] },
    per10k: { breaks: [5, 10, 20, 40], colours: ["#eef1ec", "#d5e3e4", "#abccd2", "#79aebb", "#47899c"] },
  };
  const DEMAND = { full: "#6f93a8", part: "#d99a3d", none: "#c0503f" };
  /* Width stops are [zoom, pixels]; below 3 px a road is one thin line, above it has an edge. */
  const ROADS = {
    motorway: { from: 0, thin: "#dfa05c", fill: "#eab676", edge: "#c98a45", width: [[8, 1.3], [11, 2.2], [13, 4], [16, 10], [18, 18]] },
    trunk: { from: 0, thin: "#e6bd85", fill: "#f2cf9b", edge: "#d3a467", width: [[8, 1], [11, 1.8], [13, 3.6], [16, 10], [18, 18]] },
    primary: { from: 0, thin: "#d3c6a9", fill: "#fbedc9", edge: "#cdbb91", width: [[8, 0.6], [11, 1.3], [13, 3], [16, 9], [18, 17]] },
    secondary: { from: 9.5, thin: "#cdcac2", fill: "#ffffff", edge: "#c6c2b9", width: [[9, 0.5], [12, 1.2], [13.5, 3], [16, 8], [18, 15]] },
    tertiary: { from: 11, thin: "#d5d3cd", fill: "#ffffff", edge: "#d0ccc4", width: [[10, 0.5], [13, 1.3], [14.5, 3], [16, 6], [18, 13]] },
    minor: { from: 12.5, thin: "#dcdad5", fill: "#ffffff", edge: "#d8d5ce", width: [[12, 0.6], [14, 1.1], [15.5, 3], [17, 6], [18, 10]] },
    service: { from: 14, thin: "#e0deda", fill: "#ffffff", edge: "#dedbd5", width: [[14, 0.7], [16, 1.6], [18, 5]] },
  };
  const LABEL_FROM = { motorway: 11.5, trunk: 12, primary: 12.5, secondary: 13.5, tertiary: 14.5, minor: 15.5, service: 16.5 };

  const roads = data.roads.classes.map((entry) => ({ ...S.chains(entry), id: entry.id, style: ROADS[entry.id] }));
  const names = { ...S.points(data.roads.labels), text: data.roads.labels.text, of: data.roads.labels.class_id };
  names.angle = data.roads.labels.angle;
  const districts = { ...S.chains(data.districts.outline), row: data.districts.ring_of, at: S.points(data.districts.label) };
  const demand = { ...S.points(data.demand), kwh: S.decode(data.demand.kwh), served: S.decode(data.demand.served) };
  demand.top = Array.from(demand.kwh).sort((a, b) => a - b)[Math.floor(0.95 * (demand.n - 1))] || 1;
  const share = (i) => (demand.kwh[i] > 0 ? demand.served[i] / demand.kwh[i] : 1);
  const demandColour = (part) => (part >= 0.95 ? DEMAND.full : part >= 0.5 ? DEMAND.part : DEMAND.none);

  /* A canvas that Leaflet places and scales as it does its own, painted by a function. */
  const Painter = L.Renderer.extend({
    options: { padding: 0.15, paint: null },
    _initContainer() {
      this._container = document.createElement("canvas");
      this._container.className = "s-canvas";
      this._ctx = this._container.getContext("2d");
    },
    _destroyContainer() {
      this._container.remove();
      delete this._container;
    },
    _update() {
      if (this._map._animatingZoom && this._bounds) return;
      L.Renderer.prototype._update.call(this);
      const size = this._bounds.getSize(), ratio = Math.min(window.devicePixelRatio || 1, 2);
      L.DomUtil.setPosition(this._container, this._bounds.min);
      this._container.width = ratio * size.x;
      this._container.height = ratio * size.y;
      this._container.style.width = `${size.x}px`;
      this._container.style.height = `${size.y}px`;
      this._ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
      const scale = 256 * 2 ** this._zoom, corner = this._map.getPixelOrigin().add(this._bounds.min);
      this.options.paint({
        ctx: this._ctx, zoom: this._zoom, scale, ox: corner.x, oy: corner.y, w: size.x, h: size.y,
        x0: corner.x / scale, y0: corner.y / scale, x1: (corner.x + size.x) / scale, y1: (corner.y + size.y) / scale,
      });
    },
    redraw() {
      if (!this._map || this._asked) return;
      this._asked = requestAnimationFrame(() => {
        this._asked = 0;
        if (this._map) this._update();
      });
    },
  });

  function between(stops, zoom) {
    if (zoom <= stops[0][0]) return stops[0][1];
    for (let i = 1; i < stops.length; i += 1) {
      const [a, u] = stops[i - 1], [b, v] = stops[i];
      if (zoom <= b) return u * (v / u) ** ((zoom - a) / (b - a));
    }
    return stops[stops.length - 1][1];
  }

  /* Strokes every chain in view, in batches, leaving out vertices closer than 0.8 px. */
  function stroke(view, lines, colour, width) {
    const { ctx, scale, ox, oy } = view, pad = (width + 2) / scale;
    ctx.strokeStyle = colour;
    ctx.lineWidth = width;
    ctx.beginPath();
    let pending = 0;
    for (let i = 0; i < lines.n; i += 1) {
      const b = 4 * i;
      if (lines.box[b] > view.x1 + pad || lines.box[b + 2] < view.x0 - pad || lines.box[b + 1] > view.y1 + pad || lines.box[b + 3] < view.y0 - pad) continue;
      const last = lines.start[i + 1] - 1;
      let px = 0, py = 0;
      for (let k = lines.start[i]; k <= last; k += 1) {
        const x = lines.x[k] * scale - ox, y = lines.y[k] * scale - oy;
        if (k === lines.start[i]) ctx.moveTo(x, y);
        else if (k < last && Math.abs(x - px) + Math.abs(y - py) < 0.8) continue;
        else ctx.lineTo(x, y);
        px = x;
        py = y;
        pending += 1;
      }
      if (pending > 600) {
        ctx.stroke();
        ctx.beginPath();
        pending = 0;
      }
    }
    ctx.stroke();
  }

  function ring(view, i) {
    const { ctx, scale, ox, oy } = view;
    for (let k = districts.start[i]; k < districts.start[i + 1]; k += 1) {
      ctx[k === districts.start[i] ? "moveTo" : "lineTo"](districts.x[k] * scale - ox, districts.y[k] * scale - oy);
    }
    ctx.closePath();
  }

  const fillValue = (row) => (show.fill === "served" ? data.districts.served_share[row] : per10k(row));
  function per10k(row) {
    const people = data.districts.population[row];
    return people > 0 ? (1e4 * data.districts.piles[row]) / people : null;
  }
  function fillColour(row) {
    const scheme = FILLS[show.fill];
    if (!scheme) return data.tiles ? "rgba(0,0,0,0)" : "#f9f8f5";
    const value = fillValue(row);
    return S.finite(value) ? scheme.colours[scheme.breaks.filter((b) => value >= b).length] : "#e4e4e2";
  }

  function paintDistricts(view) {
    for (let i = 0; i < districts.n;) {
      const row = districts.row[i];
      view.ctx.beginPath();
      for (; i < districts.n && districts.row[i] === row; i += 1) ring(view, i);
      view.ctx.fillStyle = fillColour(row);
      view.ctx.globalAlpha = data.tiles ? 0.55 : 1;
      view.ctx.fill("evenodd");
    }
    view.ctx.globalAlpha = 1;
  }

  /* Districts that a chosen clause is about. */
  function paintChosen(view) {
    const sets = S.serving.active();
    if (!sets || !sets.districts) return;
    view.ctx.beginPath();
    for (let i = 0; i < districts.n; i += 1) if (sets.districts.has(districts.row[i])) ring(view, i);
    view.ctx.fillStyle = "rgba(217,154,61,0.16)";
    view.ctx.fill("evenodd");
    view.ctx.strokeStyle = "#b06a12";
    view.ctx.lineWidth = 2;
    view.ctx.stroke();
  }
  function paintBorders(view) {
    const { ctx } = view;
    stroke(view, districts, "rgba(92,84,120,0.13)", view.zoom < 10 ? 4 : 7);
    ctx.setLineDash([7, 3, 1.5, 3]);
    stroke(view, districts, "#857c9c", 1.1);
    ctx.setLineDash([]);
  }

  /* 400 m for the 95th percentile of demand, between a visible speck and 15 px. */
  const worldMetres = 40075017 * Math.cos((Math.PI * (data.bounds[1] + data.bounds[3])) / 360);
  const demandRadius = (i, view) => Math.max(0.7, Math.min(15, (400 * view.scale) / worldMetres) * Math.min(1.5, Math.sqrt(demand.kwh[i] / demand.top)));
  function paintDemand(view) {
    const { ctx } = view;
    ctx.globalAlpha = (view.zoom < 12 ? 0.34 : 0.45) * (S.serving.show.clause < 0 ? 1 : 0.3);
    for (const colour of Object.values(DEMAND)) {
      ctx.fillStyle = colour;
      ctx.beginPath();
      for (let i = 0; i < demand.n; i += 1) {
        if (demand.kwh[i] <= 0 || demandColour(share(i)) !== colour) continue;
        const r = demandRadius(i, view), x = demand.x[i] * view.scale - view.ox, y = demand.y[i] * view.scale - view.oy;
        if (x < -r || y < -r || x > view.w + r || y > view.h + r) continue;
        ctx.moveTo(x + r, y);
        ctx.arc(x, y, r, 0, 2 * Math.PI);
      }
      ctx.fill();
    }
    ctx.globalAlpha = 1;
  }

  function paintRoads(view) {
    const visible = roads.filter((r) => r.style && view.zoom >= r.style.from).reverse();
    view.ctx.lineJoin = "round";
    view.ctx.lineCap = "round";
    for (const road of visible) {
      const width = between(road.style.width, view.zoom);
      if (width >= 3) stroke(view, road, road.style.edge, width + 1.6);
    }
    for (const road of visible) {
      const width = between(road.style.width, view.zoom);
      stroke(view, road, width >= 3 ? road.style.fill : road.style.thin, width);
    }
    view.ctx.lineCap = "butt";
  }

  const clash = (boxes, b) => boxes.some((o) => b[0] < o[2] && b[2] > o[0] && b[1] < o[3] && b[3] > o[1]);
  function write(ctx, text, colour, halo) {
    ctx.lineJoin = "round";
    ctx.lineWidth = 3;
    ctx.strokeStyle = halo;
    ctx.strokeText(text, 0, 0);
    ctx.fillStyle = colour;
    ctx.fillText(text, 0, 0);
  }
  function paintNames(view) {
    const { ctx } = view, boxes = [];
    ctx.font = `500 11px ${FONT}`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    for (let i = 0; i < names.n; i += 1) {
      if (view.zoom < LABEL_FROM[names.of[i]]) continue;
      const x = names.x[i] * view.scale - view.ox, y = names.y[i] * view.scale - view.oy;
      if (x < 0 || y < 0 || x > view.w || y > view.h) continue;
      const half = ctx.measureText(names.text[i]).width / 2 + 14, turn = (names.angle[i] * Math.PI) / 180;
      const dx = Math.abs(half * Math.cos(turn)) + 8, dy = Math.abs(half * Math.sin(turn)) + 8;
      const box = [x - dx, y - dy, x + dx, y + dy];
      if (clash(boxes, box)) continue;
      boxes.push(box);
      ctx.save();
      ctx.translate(x, y);
      ctx.rotate(-turn);
      write(ctx, names.text[i], "#76695a", "rgba(255,255,255,0.9)");
      ctx.restore();
    }
  }
  /* Painted over the stations, by the overlay. */
  function paintDistrictNames(view) {
    if (!show.labels || view.zoom > 13.5) return;
    const { ctx } = view, boxes = [];
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.font = `650 ${view.zoom < 9.5 ? 12 : 14}px ${FONT}`;
    ctx.globalAlpha = view.zoom > 12.5 ? 0.55 : 1;
    for (let row = 0; row < districts.at.n; row += 1) {
      const text = districtName(row), half = ctx.measureText(text).width / 2 + 2;
      const x = districts.at.x[row] * view.scale - view.ox, y = districts.at.y[row] * view.scale - view.oy;
      // Beside a hydrogen station rather than over it.
      const marks = S.hydrogen.boxes(view);
      const dy = [0, -17, 17].find((d) => !clash(marks, [x - half, y + d - 9, x + half, y + d + 9])) || 0;
      const box = [x - half, y + dy - 9, x + half, y + dy + 9];
      if (clash(boxes, box)) continue;
      boxes.push(box);
      ctx.save();
      ctx.translate(x, y + dy);
      write(ctx, text, "#3d3650", "rgba(255,255,255,0.92)");
      ctx.restore();
    }
    ctx.globalAlpha = 1;
  }
  const namePlace = (row) => [names.lat[row], names.lon[row]];
  const districtName = (row) => S.pick(data.districts.name[row], data.districts.name_en[row]);

  function paint(view) {
    view.ctx.clearRect(0, 0, view.w, view.h);
    paintDistricts(view);
    if (show.demand) paintDemand(view);
    if (show.roads) paintRoads(view);
    if (show.districts) paintBorders(view);
    paintChosen(view);
    if (show.labels && show.roads) paintNames(view);
  }

  /* Row of the district at a place of the unit square, -1 outside; even-odd over its rings. */
  function districtAt(x, y) {
    const inside = new Map();
    for (let i = 0; i < districts.n; i += 1) {
      const b = 4 * i;
      if (x < districts.box[b] || x > districts.box[b + 2] || y < districts.box[b + 1] || y > districts.box[b + 3]) continue;
      for (let k = districts.start[i], j = districts.start[i + 1] - 1; k < districts.start[i + 1]; j = k, k += 1) {
        const yk = districts.y[k], yj = districts.y[j];
        if (yk > y !== yj > y && x < ((districts.x[j] - districts.x[k]) * (y - yk)) / (yj - yk) + districts.x[k]) {
          inside.set(districts.row[i], !inside.get(districts.row[i]));
        }
      }
    }
    for (const [row, yes] of inside) if (yes) return row;
    return -1;
  }
  function districtBounds(row) {
    let x0 = 1, y0 = 1, x1 = 0, y1 = 0;
    for (let i = 0; i < districts.n; i += 1) {
      if (districts.row[i] !== row) continue;
      x0 = Math.min(x0, districts.box[4 * i]);
      y0 = Math.min(y0, districts.box[4 * i + 1]);
      x1 = Math.max(x1, districts.box[4 * i + 2]);
      y1 = Math.max(y1, districts.box[4 * i + 3]);
    }
    const corner = (x, y) => [(Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI, 360 * x - 180];
    return [corner(x0, y1), corner(x1, y0)];
  }
  function demandAt(view, px, py) {
    if (!show.demand) return -1;
    let best = -1, nearest = Infinity;
    for (let i = 0; i < demand.n; i += 1) {
      const d = Math.hypot(demand.x[i] * view.scale - px, demand.y[i] * view.scale - py);
      if (d <= Math.max(3, demandRadius(i, view)) && d < nearest) {
        best = i;
        nearest = d;
      }
    }
    return best;
  }

  return { Painter, paint, show, demand, share, districts, roads, ROADS, FILLS, DEMAND, FONT, districtName, namePlace, districtAt, districtBounds, demandAt, per10k, paintDistrictNames, clash, write };
});
