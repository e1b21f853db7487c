# The runtime for the check. `.ci/workerd` lays this file beside the built Worker.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    # The Worker's `fetch` reaches this machine and nothing else.
    (name = "internet", network = (allow = ["local"])),
  ],
  # A free port; workerd tells which.
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [
    (name = "worker.mjs", esModule = embed "worker.mjs"),
    (name = "ccc_workerd.js", esModule = embed "ccc_workerd.js"),
    (name = "ccc_workerd_bg.wasm", wasm = embed "ccc_workerd_bg.wasm"),
  ],
  # With a date before 2025-09-01 the runtime's `fetch` takes `Authorization` along when a redirect
  # leads to another host (spec: G8b).
  compatibilityDate = "2026-01-01",
  # The secret of GitHub's published test vector.
  bindings = [(name = "WEBHOOK_SECRET", text = "It's a Secret to Everybody")],
);
