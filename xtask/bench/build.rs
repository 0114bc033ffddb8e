//! Compiles the peers in C, those whose libraries are here. The others are said to be missing when they would be
//! measured.

fn main() {
    for library in ["liburing", "libaio"] {
        println!("cargo::rustc-check-cfg=cfg({library})");
    }
    #[cfg(feature = "peers")]
    {
        println!("cargo::rerun-if-changed=src/peers");
        println!("cargo::rerun-if-changed=build.rs");
        // When it is installed later.
        println!("cargo::rerun-if-changed=/usr/include/liburing.h");
        println!("cargo::rerun-if-changed=/usr/include/libaio.h");
        for (library, link) in [("liburing", "uring"), ("libaio", "aio")] {
            build(library, link);
        }
    }
}

#[cfg(feature = "peers")]
fn build(library: &str, link: &str) {
    if !std::path::Path::new(&format!("/usr/include/{library}.h")).exists() {
        return;
    }
    cc::Build::new()
        .file(format!("src/peers/{library}.c"))
        .opt_level(3)
        .warnings_into_errors(true)
        .extra_warnings(true)
        .compile(&format!("bench_{library}"));
    println!("cargo::rustc-cfg={library}");
    println!("cargo::rustc-link-lib=dylib={link}");
}
