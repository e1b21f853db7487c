# Configuration for running the Worker locally, in workerd, Cloudflare's runtime:
# `CREDENTIALS_SECRET=… CREDENTIALS_KEY=… ADMIN_TOKEN=… workerd serve build/workerd.capnp --directory-path=objects=DIRECTORY`.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    # The storage of the objects. Its directory is on the command line.
    (name = "objects", disk = (writable = true)),
  ],
  sockets = [(name = "http", address = "127.0.0.1:8787", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [
    (name = "entry.mjs", esModule = embed "entry.mjs"),
    (name = "ccc_worker.js", esModule = embed "ccc_worker.js"),
    (name = "piece-0.js", esModule = embed "piece-0.js"),
    (name = "ccc_worker_bg.wasm", wasm = embed "ccc_worker_bg.wasm"),
  ],
  # As in wrangler.jsonc.
  compatibilityDate = "2026-01-01",
  compatibilityFlags = ["disallow_importable_env"],
  bindings = [
    (name = "CREDENTIALS", durableObjectNamespace = "Credentials"),
    (name = "CREDENTIALS_SECRET", fromEnvironment = "CREDENTIALS_SECRET"),
    (name = "CREDENTIALS_KEY", fromEnvironment = "CREDENTIALS_KEY"),
    (name = "ADMIN_TOKEN", fromEnvironment = "ADMIN_TOKEN"),
  ],
  durableObjectNamespaces = [(className = "Credentials", uniqueKey = "ccc-credentials", enableSql = true)],
  durableObjectStorage = (localDisk = "objects"),
);
