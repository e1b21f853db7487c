// The entry point of the Worker: passes the compiled module to the JavaScript that wasm-bindgen generated.
import { DurableObject } from 'cloudflare:workers';

import module from './ccc_worker_bg.wasm';
import { Credentials as Stored, fetch, initSync } from './ccc_worker.js';

initSync({ module });

export default { fetch };

// The object gets its storage, but none of the Worker's bindings: no key, no secret, no other object.
export class Credentials extends DurableObject {
  constructor(state) {
    super(state, {});
    this.stored = new Stored(state, {});
  }

  fetch(request) {
    return this.stored.fetch(request);
  }
}
