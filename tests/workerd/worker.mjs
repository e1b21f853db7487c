// The entry module. It passes the compiled module to the glue code that wasm-bindgen generated.
import module from './ccc_workerd_bg.wasm';
import { fetch, initSync } from './ccc_workerd.js';

initSync({ module });

export default { fetch };
