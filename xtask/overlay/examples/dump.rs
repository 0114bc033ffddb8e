use uapi_overlay::*;
fn main() -> anyhow::Result<()> {
    let i = INTERFACES
        .iter()
        .find(|i| i.krate == std::env::args().nth(1).unwrap())
        .unwrap();
    let input = listing::Input {
        target: std::env::args().nth(2),
        include: std::env::args().skip(3).map(Into::into).collect(),
        define: vec![],
        scratch: "/tmp/scratch".into(),
    };
    let l = listing::Listing::read(i, &input)?;
    eprintln!(
        "{} constants {} records {:?} {:?}",
        l.constants.len(),
        l.records.len(),
        l.typedefs,
        l.functions
    );
    for r in &l.records {
        eprintln!("{r:?}");
    }
    let b = Bindings::generate(i, &l, &input)?;
    println!("{}", render(&items(i, &b)?)?);
    Ok(())
}
