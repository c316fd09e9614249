//! Passes the host triple to the crate: cargo gives it to build scripts only.

fn main() {
    #[expect(clippy::disallowed_methods, reason = "cargo passes it in the environment")]
    let triple = std::env::var("HOST").unwrap_or_default();
    println!("cargo::rustc-env=HOST_TRIPLE={triple}");
    println!("cargo::rerun-if-changed=build.rs");
}
