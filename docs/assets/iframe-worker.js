// A page that was opened from a folder may not start a Worker: its search then runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(url) {
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.srcdoc = "<!doctype html>";
      this.started = new Promise((resolve, reject) => {
        this.frame.onload = () => {
          const inside = this.frame.contentWindow;
          inside.postMessage = (data) => this.onmessage?.({ data });
          const script = inside.document.createElement("script");
          Object.assign(script, { src: url, onload: () => resolve(inside), onerror: reject });
          inside.document.head.append(script);
        };
      });
      document.body.append(this.frame);
    }

    postMessage(data) {
      this.started.then((inside) => inside.onmessage({ data })).catch((error) => this.onerror?.(error));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
