// Pages opened as files may start no Worker: the search runs in a hidden frame then.
(() => {
  if (location.protocol !== "file:") return;
  const load = (document, url) => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = resolve;
    script.onerror = reject;
    document.body.append(script);
  });
  window.Worker = class extends EventTarget {
    constructor(address) {
      super();
      const url = new URL(address, location.href).href;
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inner = this.inner = frame.contentWindow;
      inner.document.open();
      inner.document.write("<!doctype html><html><body></body></html>");
      inner.document.close();
      inner.postMessage = (data) => {
        const event = new MessageEvent("message", { data: structuredClone(data) });
        this.dispatchEvent(event);
        if (typeof this.onmessage === "function") this.onmessage(event);
      };
      inner.importScripts = (...urls) => urls.reduce(
        (before, next) => before.then(() => load(inner.document, new URL(next, url).href)), Promise.resolve());
      this.ready = load(inner.document, url);
    }
    postMessage(data) {
      this.ready.then(() => this.inner.dispatchEvent(
        new this.inner.MessageEvent("message", { data: structuredClone(data) })));
    }
    terminate() { this.inner.frameElement.remove(); }
  };
})();
