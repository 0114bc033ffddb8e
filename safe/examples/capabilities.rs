//! Prints what the io_uring of the running kernel has.

use safe::uring::raw::capabilities::Capabilities;

fn main() -> std::io::Result<()> {
    let kernel = Capabilities::query()?;
    let how = if kernel.is_queried() {
        "asked"
    } else {
        "tried"
    };
    print!("io_uring of this kernel, {how}\n\n{kernel}");
    Ok(())
}
