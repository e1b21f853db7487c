// What the runtime loads: hands the compiled module to the glue that wasm-bindgen wrote beside it.
import module from './ccc_workerd_bg.wasm';
import { fetch, initSync } from './ccc_workerd.js';

initSync({ module });

export default { fetch };
