//! What tests need: fakes that keep the ports' contracts, faults on demand, and the conformance
//! suites that every adapter must pass. Semver-exempt; never part of a shipped program.

pub mod conformance;
