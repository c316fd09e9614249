//! Tells the crate which machine it is built on: cargo names the triple to build scripts only.

fn main() {
    #[expect(clippy::disallowed_methods, reason = "this is how cargo tells it")]
    let triple = std::env::var("HOST").unwrap_or_default();
    println!("cargo::rustc-env=HOST_TRIPLE={triple}");
    println!("cargo::rerun-if-changed=build.rs");
}
