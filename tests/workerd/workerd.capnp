# The runtime's configuration for the check. `.ci/workerd` copies it next to the built Worker.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    # The Worker's `fetch` reaches only the host machine.
    (name = "internet", network = (allow = ["local"])),
  ],
  # A free port, which workerd reports.
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [
    (name = "worker.mjs", esModule = embed "worker.mjs"),
    (name = "ccc_workerd.js", esModule = embed "ccc_workerd.js"),
    (name = "ccc_workerd_bg.wasm", wasm = embed "ccc_workerd_bg.wasm"),
  ],
  # With a date before 2025-09-01, the runtime's `fetch` sends the `Authorization` header also after a
  # redirect to another host (spec: G8b).
  compatibilityDate = "2026-01-01",
  # The secret of GitHub's published test vector.
  bindings = [(name = "WEBHOOK_SECRET", text = "It's a Secret to Everybody")],
);
