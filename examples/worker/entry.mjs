// What the runtime loads: hands the compiled module to the glue that wasm-bindgen wrote beside it.
import { DurableObject } from 'cloudflare:workers';

import module from './ccc_worker_bg.wasm';
import { Credentials as Stored, fetch, initSync } from './ccc_worker.js';

initSync({ module });

export default { fetch };

// The object gets its storage and nothing that is bound to the Worker: no key, no secret, no other object.
export class Credentials extends DurableObject {
  constructor(state) {
    super(state, {});
    this.stored = new Stored(state, {});
  }

  fetch(request) {
    return this.stored.fetch(request);
  }
}
