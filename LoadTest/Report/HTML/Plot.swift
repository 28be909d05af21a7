/// The contents of one drawing, in the units of the data. `PlotDrawing` turns it into SVG.
///
/// A plot is a stack of strips over one common x axis: each strip has a y axis of its own, so that numbers of very
/// different size can stand under each other without a second scale in one frame.
struct Plot: Sendable {
    /// Unique in the page: ids are made of it.
    var name: String
    var title: String
    /// For those who don't see the drawing.
    var description: String
    var x: Scale
    /// Stretches of the x axis with a name, behind all strips.
    var bands: [Band] = []
    var strips: [Strip]
    /// Values that are shown for a stretch of the x axis while the pointer is on it.
    var readOuts: [ReadOut] = []

    struct Band: Sendable {
        var name: String
        var from: Double
        var to: Double
    }

    struct ReadOut: Sendable {
        var from: Double
        var to: Double
        var text: String
    }

    struct Strip: Sendable {
        var title: String
        /// Pixels of a drawing that is 960 wide.
        var height: Double
        var y: Scale
        var series: [Series]
        /// A coloured ribbon along the upper edge: states that lasted from … to.
        var ribbon: [Band] = []
    }

    struct Series: Sendable {
        enum Form: Sendable {
            case line
            /// A bar from `x + from` to `x + to` in units of the x axis.
            case bars(from: Double, to: Double)
        }

        struct Point: Sendable {
            var x: Double
            /// Nil is a hole in the line.
            var y: Double?
        }

        var name: String
        /// 0 … 5: colour, and for lines a dash pattern, so that print without colour can be read too.
        var look: Int
        var form = Form.line
        var points: [Point]
    }
}

extension Plot.Strip {
    /// Which colour a state in a ribbon has: the four tiers in their order, and one for names that this tool doesn't
    /// know.
    static func tierRank(_ name: String) -> Int {
        ["normal", "light", "moderate", "heavy"].firstIndex(of: name) ?? 4
    }
}
