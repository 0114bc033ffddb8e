//! With the feature `bindgen`: the bindings of this machine's own headers.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "bindgen")]
    from_system_headers();
}

#[cfg(feature = "bindgen")]
fn from_system_headers() {
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let text = uapi_overlay::from_system_headers(&uapi_overlay::AIO, &out)
        .unwrap_or_else(|error| panic!("{error:#}"));
    std::fs::write(out.join("bindings.rs"), text).expect("OUT_DIR can be written to");
}
