import Foundation

/// Draws a plot as SVG: geometry in pixels of a drawing that is 960 wide and scales with the page.
struct PlotDrawing {
    static let width = 960.0
    private static let left = 76.0
    private static let right = 18.0
    private static let bandLabels = 22.0
    private static let stripTitle = 30.0
    private static let axisLabels = 26.0
    /// Width of a character of the small type, on average and rounded up.
    private static let characterWidth = 6.6

    private let plot: Plot

    init(_ plot: Plot) { self.plot = plot }

    private var areaWidth: Double { Self.width - Self.left - Self.right }
    private var top: Double { plot.bands.isEmpty ? 0 : Self.bandLabels }
    private var bottom: Double { plot.strips.reduce(top) { $0 + Self.stripTitle + $1.height } }
    private func x(_ value: Double) -> Double { Self.left + plot.x.position(value) * areaWidth }

    func svg() -> HTML {
        var children: [HTML] = [
            .tag("title", ["id": "\(plot.name)-title"], plot.title),
            .tag("desc", ["id": "\(plot.name)-desc"], plot.description),
        ]
        children += plot.bands.enumerated().map { band($0, $1) }
        var stripTop = top
        for strip in plot.strips {
            children.append(draw(strip, from: stripTop + Self.stripTitle))
            stripTop += Self.stripTitle + strip.height
        }
        children += plot.x.ticks.map { tick in
            let at = Self.left + tick.position * areaWidth
            // A long label in the middle of the right edge would be cut off.
            let isCut = at + Double(tick.label.count) * Self.characterWidth / 2 > Self.width
            return .tag(
                "text",
                [
                    "class": "tick", "x": pixels(isCut ? Self.width : at), "y": pixels(bottom + 18),
                    "text-anchor": isCut ? "end" : "middle",
                ], tick.label)
        }
        children += plot.readOuts.map(readOut)
        return .tag(
            "svg",
            [
                "xmlns": "http://www.w3.org/2000/svg", "viewBox": "0 0 960 \(pixels(bottom + Self.axisLabels))",
                "role": "img", "aria-labelledby": "\(plot.name)-title \(plot.name)-desc",
            ], [.lines(children)])
    }

    /// A shaded stretch with its name, or its number where the name finds no room.
    private func band(_ index: Int, _ band: Plot.Band) -> HTML {
        let from = x(band.from)
        let width = x(band.to) - from
        let label = [band.name, "\(index + 1)"].first { Double($0.count + 1) * Self.characterWidth <= width }
        var children: [HTML] = [
            .tag("title", "\(index + 1): \(band.name)"),
            .tag(
                "rect",
                [
                    "class": index.isMultiple(of: 2) ? "band even" : "band odd", "x": pixels(from), "y": "0",
                    "width": pixels(width), "height": pixels(bottom),
                ]),
            .tag("line", ["class": "edge", "x1": pixels(from), "x2": pixels(from), "y1": "0", "y2": pixels(bottom)]),
        ]
        if let label {
            children.append(
                .tag(
                    "text",
                    ["class": "band-label", "x": pixels(from + width / 2), "y": "15", "text-anchor": "middle"], label))
        }
        return .tag("g", [:], children)
    }

    private func draw(_ strip: Plot.Strip, from top: Double) -> HTML {
        func y(_ value: Double) -> Double { top + (1 - strip.y.position(value)) * strip.height }
        var children: [HTML] = [
            .tag("text", ["class": "strip-title", "x": pixels(Self.left), "y": pixels(top - 8)], strip.title),
            .tag(
                "rect",
                [
                    "class": "area", "x": pixels(Self.left), "y": pixels(top), "width": pixels(areaWidth),
                    "height": pixels(strip.height),
                ]),
        ]
        for tick in plot.x.ticks {
            let at = pixels(Self.left + tick.position * areaWidth)
            children.append(
                .tag(
                    "line", ["class": "grid", "x1": at, "x2": at, "y1": pixels(top), "y2": pixels(top + strip.height)])
            )
        }
        for tick in strip.y.ticks {
            let at = top + (1 - tick.position) * strip.height
            children.append(
                .tag(
                    "line",
                    [
                        "class": "grid", "x1": pixels(Self.left), "x2": pixels(Self.left + areaWidth),
                        "y1": pixels(at), "y2": pixels(at),
                    ]))
            children.append(
                .tag(
                    "text",
                    ["class": "tick", "x": pixels(Self.left - 8), "y": pixels(at + 4), "text-anchor": "end"], tick.label
                ))
        }
        children += strip.series.flatMap { draw($0, floor: top + strip.height, y) }
        children += strip.ribbon.map { ribbon($0, top: top) }
        return .tag("g", ["class": "strip"], children)
    }

    private func draw(_ series: Plot.Series, floor: Double, _ y: (Double) -> Double) -> [HTML] {
        switch series.form {
        case .line:
            let runs = series.points.split { $0.y?.isFinite != true }
            return runs.map { run in
                var corners = run.map { "\(pixels(x($0.x))),\(pixels(y($0.y ?? 0)))" }
                // A single point would be a line without length, which no browser draws.
                if corners.count == 1 { corners.append(corners[0]) }
                return .tag(
                    "polyline", ["class": "line look\(series.look)", "points": corners.joined(separator: " ")])
            }
        case .bars(let from, let to):
            return series.points.compactMap { point in
                guard let value = point.y, value.isFinite else { return nil }
                let left = x(point.x + from)
                return .tag(
                    "rect",
                    [
                        "class": "bar look\(series.look)", "x": pixels(left), "y": pixels(y(value)),
                        "width": pixels(x(point.x + to) - left), "height": pixels(floor - y(value)),
                    ])
            }
        }
    }

    private func ribbon(_ state: Plot.Band, top: Double) -> HTML {
        let from = x(state.from)
        let width = x(state.to) - from
        var children: [HTML] = [
            .tag("title", state.name),
            .tag(
                "rect",
                [
                    "class": "tier tier\(Plot.Strip.tierRank(state.name))", "x": pixels(from), "y": pixels(top),
                    "width": pixels(width), "height": "20",
                ]),
        ]
        if Double(state.name.count + 1) * Self.characterWidth <= width {
            children.append(
                .tag(
                    "text",
                    [
                        "class": "tier-label", "x": pixels(from + width / 2), "y": pixels(top + 14),
                        "text-anchor": "middle",
                    ],
                    state.name))
        }
        return .tag("g", [:], children)
    }

    private func readOut(_ readOut: Plot.ReadOut) -> HTML {
        let from = x(readOut.from)
        return .tag(
            "rect",
            [
                "class": "read-out", "x": pixels(from), "y": pixels(top), "width": pixels(x(readOut.to) - from),
                "height": pixels(bottom - top),
            ], [.tag("title", readOut.text)])
    }

    /// A coordinate with a tenth of a pixel.
    private func pixels(_ value: Double) -> String {
        let tenths = (value * 10).rounded() / 10
        return tenths == tenths.rounded() ? String(Int(tenths)) : String(tenths)
    }
}
