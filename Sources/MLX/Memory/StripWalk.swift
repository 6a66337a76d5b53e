import CKernels
import Glibc

/// How strips of images are cut, and where in a strip the windows of a row of results lie.
struct StripWalk {
    typealias Area = (height: Int, width: Int)

    let image: Area
    let places: Area
    let imageBytes: Int
    /// How many strips an image is cut into.
    let bands: Int
    /// The runs of a window's elements that follow each other, and how long they are.
    let runCount: Int
    let depth: Int
    /// How far the windows of neighbouring results lie apart, a row below and to the right.
    let step: (row: Int, column: Int)
    private let pixel: Int
    /// The bytes from one pixel of an image to the next.
    private let apart: Int
    private let itemSize: Int
    private let stride: Int
    /// The rows from the first to the last of a window.
    private let reach: Int
    /// The runs of a row of a window, and how far they lie apart; rows of a window likewise.
    private let across: (count: Int, step: Int)
    private let down: (count: Int, step: Int, dilation: Int)
    private let top: Int
    /// The pixels of a strip's row; those of an image that it holds, from which on, and where.
    private let width: Int
    private let held: (count: Int, from: Int, place: Int)
    /// Whether a strip is a part of the image as it lies.
    private let isPlain: Bool

    /// About how many elements of an image a strip holds: they stay in the second cache; and how
    /// many of small images a task takes.
    private static let most = (elements: 24 << 10, ofTask: 2 << 10)

    /// - Parameter apart: the elements from one pixel of an image to the next.
    init(_ form: ConvolutionForm, channels: Int, apart: Int, itemSize: Int) {
        image = (form.image[0], form.image[1])
        let sizes = form.places
        places = (sizes[0], sizes[1])
        self.itemSize = itemSize
        pixel = channels * itemSize
        self.apart = apart * itemSize
        imageBytes = form.image[0] * form.image[1] * self.apart
        width = form.image[1] + form.low[1] + form.high[1]
        let line = width * channels
        let rows = max(1, Self.most.elements / max(line * form.strides[0], 1))
        bands = (sizes[0] + rows - 1) / rows
        step = (form.strides[0] * line, form.strides[1] * channels)
        stride = form.strides[0]
        reach = (form.kernel[0] - 1) * form.dilation[0]
        down = (form.kernel[0], form.dilation[0] * line, form.dilation[0])
        top = form.low[0]
        let isDense = form.dilation[1] == 1
        depth = isDense ? form.kernel[1] * channels : channels
        across = isDense ? (1, 0) : (form.kernel[1], form.dilation[1] * channels)
        runCount = form.kernel[0] * across.count
        let (place, from) = (max(form.low[1], 0), max(-form.low[1], 0))
        held = (max(0, min(form.image[1] - from, width - place)), from, place)
        isPlain =
            apart == channels && form.low[1] == 0 && form.high[1] == 0 && form.low[0] <= 0
            && form.high[0] <= 0
    }

    /// The elements of a strip's row.
    var line: Int { width * (pixel / itemSize) }

    /// The images whose strips are made by one task.
    var imagesOfTask: Int {
        bands > 1 ? 1 : max(1, Self.most.ofTask * itemSize / max(imageBytes, 1))
    }

    /// The rows of an image that a strip for some rows of results has.
    func stripRows(_ rows: Range<Int>) -> Int { (rows.count - 1) * stride + reach + 1 }

    /// The rows of results that a strip serves.
    func rows(_ band: Int) -> Range<Int> {
        places.height * band / bands..<places.height * (band + 1) / bands
    }

    /// The runs of the windows of a row of results that lie on the image, at least those of a row:
    /// above and below there are zeros alone.
    func runs(_ row: Int) -> Range<Int> {
        let first = row * stride - top
        let (above, inside) = (max(0, -first), max(0, image.height - first))
        let start = (above + down.dilation - 1) / down.dilation
        let end = min(down.count, (inside + down.dilation - 1) / down.dilation)
        return start < end ? start * across.count..<end * across.count : 0..<across.count
    }

    /// Those of some rows of results whose windows have a run on the image.
    func rows(_ rows: Range<Int>, with run: Int) -> Range<Int> {
        let place = run / across.count * down.dilation - top
        let first = max(rows.lowerBound, (max(0, -place) + stride - 1) / stride)
        let end = min(rows.upperBound, (max(0, image.height - place) + stride - 1) / stride)
        return first..<max(first, end)
    }

    /// Memory of a task: the starts of a window's runs and of a strip's rows, and a strip.
    struct Room {
        let runs: UnsafeMutablePointer<Int>
        let lines: UnsafeMutablePointer<Int>
        fileprivate let strip: UnsafeMutableRawPointer
    }

    /// Hands out memory for the strips of a task, one at a time.
    func withRoom(_ body: (Room) -> Void) {
        let rows = (places.height + bands - 1) / bands
        let starts = ((runCount + rows) * MemoryLayout<Int>.size + 63) / 64 * 64
        let bytes = isPlain ? 0 : ((rows - 1) * stride + reach + 1) * width * pixel
        withThreadMemory(starts + bytes) { start in
            let runs = start.as(Int.self)
            for run in 0..<runCount {
                runs[run] = run / across.count * down.step + run % across.count * across.step
            }
            for row in 0..<rows { runs[runCount + row] = row * step.row }
            body(Room(runs: runs, lines: runs + runCount, strip: start + starts))
        }
    }

    /// Asks for a row of pixels that the next strip has where a strip has those of a row of results
    /// that follows it; the next image follows the last row.
    func fetch(_ image: UnsafeMutableRawPointer, _ row: Int, before end: UnsafeMutableRawPointer) {
        let source = row * stride + reach - top
        let line = self.image.width * apart
        let place = image + source * line
        guard source >= 0, place + line <= end else { return }
        ck_fetch(place, line)
    }

    /// The pixels around some rows of results, with the zeros of the padding.
    func strip(
        of image: UnsafeMutableRawPointer, _ rows: Range<Int>, in room: Room
    ) -> UnsafeMutableRawPointer {
        let line = self.image.width * apart
        let first = rows.lowerBound * stride - top
        if isPlain { return image + first * line }
        for row in 0..<stripRows(rows) {
            let target = room.strip + row * width * pixel
            let source = first + row
            guard 0..<self.image.height ~= source, held.count > 0 else {
                memset(target, 0, width * pixel)
                continue
            }
            memset(target, 0, held.place * pixel)
            let place = image + source * line + held.from * apart
            if apart == pixel {
                memcpy(target + held.place * pixel, place, held.count * pixel)
            } else {
                ck_copy_2d(
                    target + held.place * pixel, place, held.count, pixel, pixel, 1, apart, 1, 1)
            }
            let rest = held.place + held.count
            memset(target + rest * pixel, 0, (width - rest) * pixel)
        }
        return room.strip
    }
}

extension Tensor {
    /// The sum of the rows of a row-major matrix of floats, in their order; made in the first one.
    func joined(on workers: Workers) -> Tensor {
        let (rows, size) = (shape[0], shape[1])
        guard rows > 1, let add = ck_add(dtype.code) else { return self }
        workers.forRanges(of: size, grain: 1 << 12) { range in
            let first = address(at: range.lowerBound)
            for row in 1..<rows {
                add(first, first, address(at: row * size + range.lowerBound), range.count)
            }
        }
        return self
    }

    /// A row-major matrix of so many rows with rows and columns in each other's place.
    func turned(rows: Int, on workers: Workers) -> Tensor {
        let columns = count / rows
        let result = Tensor(Spec([columns, rows], dtype))
        guard let transpose = ck_tile_transpose(dtype.code) else { return result }
        // Whole cache lines of the result.
        let grain = max(1, (1 << 13) / 16 / max(columns, 1)) * 16
        workers.forRanges(of: rows, grain: grain) { range in
            transpose(
                result.address(at: range.lowerBound), rows,
                address(at: range.lowerBound * columns), columns, 1, range.count, columns, 1)
        }
        return result
    }
}
