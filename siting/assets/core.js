/* What the other parts share: packed data, projection, words, numbers, elements. */
"use strict";
window.siting = (function () {
  const data = JSON.parse(document.getElementById("siting-data").textContent);
  const own = { ...data }, schemes = data.schemes || [], parts = [], unpacked = new WeakMap();
  const UNKNOWN = "—";
  const state = { language: "zh", scheme: -1, listeners: [] };

  /* Base64 VLQ, as in source maps: five bits a character, low bits first, sign in the last bit. */
  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const DIGIT = new Uint8Array(128);
  for (let i = 0; i < 64; i += 1) DIGIT[ALPHABET.charCodeAt(i)] = i;

  function decode(text) {
    let count = 0;
    for (let i = 0; i < text.length; i += 1) if (DIGIT[text.charCodeAt(i)] < 32) count += 1;
    const out = new Float64Array(count);
    let value = 0, weight = 1, at = 0;
    for (let i = 0; i < text.length; i += 1) {
      const digit = DIGIT[text.charCodeAt(i)];
      value += (digit & 31) * weight;
      if (digit < 32) {
        out[at] = value % 2 ? -(value - 1) / 2 : value / 2;
        at += 1;
        value = 0;
        weight = 1;
      } else {
        weight *= 32;
      }
    }
    return out;
  }

  /* Web Mercator on the unit square: the pixel at zoom z is 256 * 2^z of it. */
  const mercatorX = (lon) => (lon + 180) / 360;
  const mercatorY = (lat) => 0.5 - Math.log(Math.tan(Math.PI / 4 + (lat * Math.PI) / 360)) / (2 * Math.PI);

  /* What one scheme shares with another is unpacked once. */
  const once = (unpack) => (packed) => {
    if (!unpacked.has(packed)) unpacked.set(packed, unpack(packed));
    return unpacked.get(packed);
  };
  function pointsOf(packed) {
    const values = decode(packed.xy), n = values.length / 2;
    const x = new Float64Array(n), y = new Float64Array(n);
    const lon = new Float64Array(n), lat = new Float64Array(n);
    let a = packed.origin[0], b = packed.origin[1];
    for (let i = 0; i < n; i += 1) {
      a += values[2 * i];
      b += values[2 * i + 1];
      lon[i] = a * packed.unit;
      lat[i] = b * packed.unit;
      x[i] = mercatorX(lon[i]);
      y[i] = mercatorY(lat[i]);
    }
    return { n, x, y, lon, lat };
  }

  /* Vertex lists behind each other, each with its count in front; `box` is x0, y0, x1, y1 a list. */
  function chainsOf(packed) {
    const values = decode(packed.xy), n = packed.count;
    const start = new Int32Array(n + 1), box = new Float64Array(4 * n);
    const total = (values.length - n) / 2;
    const x = new Float64Array(total), y = new Float64Array(total);
    let a = packed.origin[0], b = packed.origin[1], from = 0, at = 0;
    for (let i = 0; i < n; i += 1) {
      let x0 = Infinity, y0 = Infinity, x1 = -Infinity, y1 = -Infinity;
      const length = values[from];
      from += 1;
      for (let k = 0; k < length; k += 1, from += 2, at += 1) {
        a += values[from];
        b += values[from + 1];
        const px = mercatorX(a * packed.unit), py = mercatorY(b * packed.unit);
        x[at] = px;
        y[at] = py;
        if (px < x0) x0 = px;
        if (px > x1) x1 = px;
        if (py < y0) y0 = py;
        if (py > y1) y1 = py;
      }
      start[i + 1] = at;
      box.set([x0, y0, x1, y1], 4 * i);
    }
    return { n, start, x, y, box };
  }

  /* A part of the page is made from the data, anew for each scheme; what is shown stays so. */
  function part(name, make) {
    parts.push([name, make]);
    siting[name] = make();
  }
  function useScheme(k) {
    Object.assign(data, own, k < 0 ? {} : schemes[k].data);
    state.scheme = k;
    for (const [name, make] of parts) {
      const old = siting[name], made = make();
      siting[name] = made;
      if (made.show) Object.assign(made.show, old.show, { selected: -1, hover: -1, node: -1, clause: -1 });
    }
  }

  /* Words: a key of the string table, `{name}` filled in. */
  function t(key, values) {
    const pair = data.strings[key];
    let text = pair ? pair[state.language === "zh" ? 0 : 1] : key;
    for (const name of Object.keys(values || {})) text = text.split(`{${name}}`).join(values[name]);
    return text;
  }
  const known = (prefix, word) => (data.strings[`${prefix}.${word}`] ? t(`${prefix}.${word}`) : word);
  const pick = (zh, en) => (state.language === "zh" ? zh || en : en || zh) || "";
  /* A sentence comes as [Chinese, English]; none is an empty list. */
  const said = (pair) => (Array.isArray(pair) ? pick(pair[0], pair[1]) : pair);

  function translate(root) {
    for (const node of root.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
    for (const node of root.querySelectorAll("[data-t-title]")) {
      node.title = t(node.dataset.tTitle);
      node.setAttribute("aria-label", node.title);
    }
    for (const node of root.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", t(node.dataset.tLabel));
    for (const node of root.querySelectorAll("[data-t-placeholder]")) node.placeholder = t(node.dataset.tPlaceholder);
  }
  function setLanguage(language) {
    state.language = language;
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    document.title = pick(data.title.zh, data.title.en);
    translate(document.getElementById("siting"));
    for (const listener of state.listeners) listener();
  }

  /* Numbers; null is unknown. */
  const finite = (value) => typeof value === "number" && Number.isFinite(value);
  function number(value, decimals, least) {
    if (!finite(value)) return UNKNOWN;
    const options = { maximumFractionDigits: decimals || 0, minimumFractionDigits: least === undefined ? decimals || 0 : least };
    return value.toLocaleString(state.language === "zh" ? "zh-CN" : "en-GB", options);
  }
  /* A share that doesn't flatter: less than all is never 100 %, more than nothing never 0 %. */
  function percent(share, decimals) {
    if (!finite(share)) return UNKNOWN;
    const places = decimals === undefined ? 1 : decimals, step = 10 ** -places, unit = state.language === "zh" ? "%" : " %";
    const value = 100 * share, round = Number(value.toFixed(places));
    if (value > 0 && round === 0) return `<${step.toFixed(places)}${unit}`;
    if (value < 100 && round >= 100) return `>${(100 - step).toFixed(places)}${unit}`;
    return `${number(round, places)}${unit}`;
  }
  /* A proven gap, rounded up so that what it claims stays true. */
  function gapText(gap) {
    return percent(gap < 1e-4 ? gap : Math.ceil(gap * 1e4 - 1e-9) / 1e4, 2);
  }
  /* [digits, unit] of an amount in yuan. */
  function money(cny) {
    if (!finite(cny)) return [UNKNOWN, ""];
    if (cny === 0) return ["0", t("unit.wan")];
    if (state.language === "en") {
      if (Math.abs(cny) >= 1e9) return [`¥${number(cny / 1e9, 2)}`, "billion"];
      return Math.abs(cny) >= 1e6 ? [`¥${number(cny / 1e6, 2)}`, "million"] : [`¥${number(cny)}`, ""];
    }
    return Math.abs(cny) >= 1e8 ? [number(cny / 1e8, 2), t("unit.yi")] : [number(cny / 1e4, 2), t("unit.wan")];
  }
  const moneyText = (cny) => money(cny).join(" ").trim();
  const costText = (cny) => (state.language === "en" ? `CNY ${number(cny)}` : `${number(cny / 1e4, 4, 2)} ${t("unit.wan")}`);
  const metres = (m) => (finite(m) ? (m >= 1000 ? `${number(m / 1000, 2)} km` : `${number(m)} m`) : UNKNOWN);

  /* Elements are made, never parsed: text from data can only become text. */
  function el(tag, className, ...children) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    for (const child of children) {
      if (child !== null && child !== undefined) node.append(child instanceof Node ? child : String(child));
    }
    return node;
  }
  function button(className, action, ...children) {
    const node = el("button", className, ...children);
    node.type = "button";
    node.addEventListener("click", action);
    return node;
  }
  const clear = (node, ...children) => { node.replaceChildren(...children); return node; };
  const one = (selector) => document.querySelector(`#siting ${selector}`);
  function bar(share, className) {
    const node = el("div", `s-bar ${className || ""}`), fill = el("i");
    fill.style.width = `${100 * Math.max(0, Math.min(1, finite(share) ? share : 0))}%`;
    node.append(fill);
    return node;
  }

  return {
    data, state, schemes, part, useScheme, decode, points: once(pointsOf), chains: once(chainsOf), mercatorX, mercatorY, t, known, pick, said, setLanguage, finite, number, percent, gapText,
    money, moneyText, costText, metres, el, button, clear, one, bar, UNKNOWN,
    onLanguage(listener) { state.listeners.push(listener); },
  };
})();
