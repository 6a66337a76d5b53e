import CKernels

/// Windows that slide over row-major arrays `[N, spatial…, C]`, cut into rows: the windows that
/// differ in their position along the last spatial axis alone.
struct WindowRows {
    /// Whether no two windows share an element, and whether each element is in a window.
    let isDisjoint: Bool
    let isCovering: Bool

    /// The elements between samples of the array, and between its windows along each spatial axis.
    private let sample: Int
    private let steps: [Int]
    private let positions: [Int]
    private let channels: Int
    /// Where the elements of a window lie, from its first one on.
    private let taps: Tensor
    /// The rows of windows that no other ones share elements with, and how many there are in all.
    private let bandRows: Int
    private let bands: Int

    /// About how many elements a worker takes at a time.
    private static let grain = 1 << 14

    /// For arrays of a shape that the windows fit.
    init(_ windows: SlidingWindows, over shape: [Int]) {
        let spatial = Array(shape[1..<shape.count - 1])
        channels = shape[shape.count - 1]
        let strides = Layout(contiguous: shape).strides
        let reaches = zip(windows.sizes, windows.dilation).map { ($0 - 1) * $1 + 1 }
        let positions = spatial.indices.map {
            (spatial[$0] - reaches[$0]) / windows.strides[$0] + 1
        }
        self.positions = positions
        sample = strides[0]
        steps = spatial.indices.map { windows.strides[$0] * strides[$0 + 1] }
        let apart = spatial.indices.map { windows.strides[$0] >= reaches[$0] || positions[$0] == 1 }
        isDisjoint = apart.allSatisfy { $0 }
        isCovering = spatial.indices.allSatisfy {
            windows.dilation[$0] == 1 && windows.strides[$0] <= windows.sizes[$0]
                && (positions[$0] - 1) * windows.strides[$0] + windows.sizes[$0] == spatial[$0]
        }
        taps = Tensor(Spec([windows.sizes.reduce(1, *)], .int64))
        for (index, inside) in Offsets(windows.sizes[...]).enumerated() {
            taps.address.as(Int.self)[index] = inside.indices.reduce(0) {
                $0 + inside[$1] * windows.dilation[$1] * strides[$1 + 1]
            }
        }
        let outer = positions.dropLast()
        let isCut = outer.count > 0 && apart[0]
        bandRows = (isCut ? outer.dropFirst() : outer).reduce(1, *)
        bands = shape[0] * (isCut ? outer[0] : 1)
    }

    /// Calls the body for every row of windows, those that share elements in order on one worker:
    /// with where the row begins in the array and in the results, and its windows.
    func forRows(on workers: Workers, _ body: (Int, Int, inout ck_windows) -> Void) {
        let width = positions[positions.count - 1]
        let rowsOfSample = positions.dropLast().reduce(1, *)
        let grain = max(1, Self.grain / max(1, bandRows * width * channels * taps.count))
        workers.forRanges(of: bands, grain: grain) { range in
            var windows = ck_windows(
                taps: UnsafePointer(taps.address.as(Int.self)), tap_count: taps.count,
                step: steps[steps.count - 1], width: width, channels: channels)
            for row in range.lowerBound * bandRows..<range.upperBound * bandRows {
                var (index, rest) = row.quotientAndRemainder(dividingBy: rowsOfSample)
                var start = index * sample
                for axis in positions.indices.dropLast().reversed() {
                    (rest, index) = rest.quotientAndRemainder(dividingBy: positions[axis])
                    start += index * steps[axis]
                }
                body(start, row * width * channels, &windows)
            }
        }
    }
}
