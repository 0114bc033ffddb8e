//! A picture of a group of lines: a row for each engine, a dot for each place.

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::timed::model::{Line, Owner};
use super::timed::sheets::{engines, three};

/// The height of a row, and what stands above and below all of them.
const ROW: u32 = 19;
const MARGIN: u32 = 74;
const WIDTH: u32 = 980;

/// For each place, from the first to the last one.
const COLOURS: [RGBColor; 9] = [
    RGBColor(0x44, 0x01, 0x54),
    RGBColor(0x3b, 0x52, 0x8b),
    RGBColor(0x21, 0x91, 0x8c),
    RGBColor(0x5e, 0xc9, 0x62),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0x80, 0x80, 0x80),
];

/// The picture, as a part of a page.
pub(super) fn svg(lines: &[&Line]) -> Result<String> {
    let mut text = String::new();
    // Its errors borrow the text.
    draw(&mut text, lines).map_err(|error| anyhow!("cannot draw: {error}"))?;
    Ok(text)
}

fn draw(text: &mut String, lines: &[&Line]) -> Result<(), Box<dyn std::error::Error>> {
    let names = engines(lines);
    let rows = names.len() as f64;
    let of = |line: &Line, name: &str| -> Option<(f64, f64, f64)> {
        let figure = line.engines.iter().find(|figure| figure.name == name)?;
        let times = &figure.nanoseconds;
        Some((times.low, times.median, times.high))
    };
    let all: Vec<f64> = lines
        .iter()
        .flat_map(|line| line.engines.iter())
        .flat_map(|figure| [figure.nanoseconds.low, figure.nanoseconds.high])
        .collect();
    let least = all.iter().copied().fold(f64::INFINITY, f64::min) / 1.15;
    let most = all.iter().copied().fold(0.0, f64::max) * 1.15;

    let height = MARGIN + ROW * names.len() as u32;
    let root = SVGBackend::with_string(text, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin_right(20)
        .margin_top(34)
        .x_label_area_size(38)
        .y_label_area_size(235)
        .build_cartesian_2d((least..most).log_scale(), rows..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(RGBColor(0xee, 0xee, 0xee))
        .bold_line_style(RGBColor(0xcc, 0xcc, 0xcc))
        .x_labels(12)
        .x_desc("nanoseconds for each unit of work (logarithmic; dots are medians, bars the middle half of the rounds)")
        .x_label_formatter(&|value| three(*value))
        .label_style(("sans-serif", 12))
        .draw()?;

    let plotted = chart.plotting_area();
    for (at, name) in names.iter().enumerate() {
        let owner = lines
            .iter()
            .flat_map(|line| &line.engines)
            .find(|figure| figure.name == *name)
            .map(|figure| figure.owner);
        let colour = match owner {
            Some(Owner::Ours) => RGBColor(0x00, 0x55, 0xaa),
            Some(Owner::Peer) => RGBColor(0x88, 0x44, 0x00),
            _ => RGBColor(0x33, 0x33, 0x33),
        };
        let y = at as f64 + 0.5;
        let (_, pixel) = plotted.map_coordinate(&(least, y));
        root.draw_text(
            name,
            &("sans-serif", 13).into_font().color(&colour),
            (8, pixel - 7),
        )?;
        plotted.draw(&PathElement::new(
            vec![(least, y), (most, y)],
            RGBColor(0xee, 0xee, 0xee),
        ))?;
        for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
            if let Some((low, median, high)) = of(line, name) {
                plotted.draw(&PathElement::new(
                    vec![(low, y), (high, y)],
                    colour.stroke_width(3),
                ))?;
                plotted.draw(&Circle::new((median, y), 4, colour.filled()))?;
            }
        }
    }
    let mut x = 8;
    for (line, colour) in lines.iter().zip(COLOURS.iter().cycle()) {
        root.draw(&Circle::new((x + 5, 16), 5, colour.filled()))?;
        root.draw_text(
            &line.place,
            &("sans-serif", 12).into_font().color(&BLACK),
            (x + 14, 10),
        )?;
        x += 26 + 7 * line.place.len() as i32;
    }
    root.present()?;
    Ok(())
}
