/* Tiles under the layers, where the map was made with some; a key lives in this page's memory alone. */
"use strict";
siting.tiles = function (map) {
  const S = siting, { data, t } = S, source = data.tiles;
  if (!source) return;
  const node = map.createPane("siting-tiles");
  node.style.zIndex = 150;
  function lay(key) {
    for (const url of source.urls) {
      L.tileLayer(url, {
        pane: "siting-tiles", subdomains: source.hosts, tk: encodeURIComponent(key), minNativeZoom: source.zooms[0], maxNativeZoom: source.zooms[1], maxZoom: 18, attribution: "",
      }).addTo(map);
    }
  }
  if (!source.keyed) return void lay("");
  /* From the address (#tk=...), which is cleared at once, or else asked for. */
  const given = /^#tk=([\w-]{8,128})$/.exec(window.location.hash);
  if (given) {
    window.history.replaceState(null, "", window.location.pathname + window.location.search);
    return void lay(given[1]);
  }
  const form = S.one(".s-key"), input = form.querySelector("input");
  const use = () => {
    const key = input.value.trim();
    if (!/^[\w-]{8,128}$/.test(key)) return input.focus();
    input.value = "";
    form.hidden = true;
    return lay(key);
  };
  form.hidden = false;
  form.querySelector("[data-key=use]").addEventListener("click", use);
  form.querySelector("[data-key=no]").addEventListener("click", () => { form.hidden = true; });
  input.addEventListener("keydown", (event) => { if (event.key === "Enter") use(); });
};
