import CKernels

/// Convolutions by kernels of 3 x 3, of strides of one, in tiles of 2 x 2 results: 16 products for a
/// tile in place of 36, of pixels and kernels that are added up beforehand.
///
/// Results are summed in one order, so that their bits do not depend on the number of threads, nor
/// those of an image's results on how many images there are.
struct WinogradTiles: ConvolutionParts {
    private let form: ConvolutionForm
    private let multiply: ck_tile
    private let workers: Workers

    /// The columns of kernels that lie in one piece.
    fileprivate static let columns = 32
    /// The rows of kernels that a task turns into planes.
    private static let rows = 64
    /// The tiles whose shares of a gradient are one chain of additions, which loses digits with its
    /// length.
    private static let chain = 64
    /// The fewest channels, and filters, whose products are worth the additions.
    private static let least = 16

    /// For float32 alone, and for forms and numbers of channels that gain by it; nil for others.
    init?(
        _ form: ConvolutionForm, _ dtype: DType, channels: Int, filters: Int, on workers: Workers
    ) {
        guard dtype == .float32, ck_has_winograd() != 0, form.kernel == [3, 3],
            form.strides == [1, 1], form.dilation == [1, 1],
            min(channels, filters) >= Self.least, form.places.allSatisfy({ $0 > 1 }),
            let multiply = ck_tile_multiply(dtype.code)
        else { return nil }
        self.form = form
        self.multiply = multiply
        self.workers = workers
    }

    /// results [N, OH, OW, O] of images [N, H, W, C] and kernels [O, 3, 3, C].
    func results(images: Tensor, kernels: Tensor, into output: Tensor) {
        let (filters, channels) = (kernels.shape[0], kernels.shape[3])
        let factors = factors(
            kernels.address, steps: (channels, 1, 9 * channels), rows: channels, columns: filters)
        convolve(images, form, factors, into: output)
    }

    /// images [N, H, W, C] that kernels and results give back: by the kernels turned round.
    func images(kernels: Tensor, results: Tensor, into output: Tensor) {
        let (filters, channels) = (kernels.shape[0], kernels.shape[3])
        let factors = factors(
            kernels.address(at: 8 * channels), steps: (-channels, 9 * channels, 1), rows: filters,
            columns: channels)
        convolve(results, form.turnedRound, factors, into: output)
    }

    /// The planes of kernels, [columns / 32, 16, rows, 32]; their elements lie so far apart.
    private func factors(
        _ kernels: UnsafeMutableRawPointer, steps: (tap: Int, row: Int, column: Int), rows: Int,
        columns: Int
    ) -> Tensor {
        let panels = (columns + Self.columns - 1) / Self.columns
        let factors = Tensor(Spec([panels, 16, rows, Self.columns], .float32))
        let (source, target) = (kernels.as(Float.self), factors.address.as(Float.self))
        let parts = (rows + Self.rows - 1) / Self.rows
        workers.run(panels * parts) { task in
            let (panel, part) = task.quotientAndRemainder(dividingBy: parts)
            let (row, column) = (part * Self.rows, panel * Self.columns)
            ck_winograd_kernels(
                target + (panel * 16 * rows + row) * Self.columns, rows * Self.columns,
                Self.columns, source + row * steps.row + column * steps.column, steps.tap,
                steps.row, steps.column, min(Self.rows, rows - row),
                min(Self.columns, columns - column))
        }
        return factors
    }

    /// Makes every place of the output, strip by strip of tiles.
    private func convolve(
        _ images: Tensor, _ form: ConvolutionForm, _ factors: Tensor, into output: Tensor
    ) {
        let strips = TileStrips(form, images, filters: output.shape[3])
        let shares = strips.shares(tasks: strips.count)
        let (multiply, rows, results) = (multiply, factors.shape[2], PlacesOfResults(output))
        let right = factors.address.as(Float.self)
        workers.run(strips.count * shares) { task in
            let (index, share) = task.quotientAndRemainder(dividingBy: shares)
            let columns = strips.columns(share, of: shares)
            strips.forEach(index..<index + 1, and: columns.count) { strip in
                var start = 0
                withUnsafePointer(to: &start) { start in
                    for plane in 0..<16 {
                        for column in stride(
                            from: columns.lowerBound, to: columns.upperBound, by: Self.columns)
                        {
                            let operands = ck_tile_operands(
                                a: strip.pixels(plane), a_row: rows, a_column: 1, runs: start,
                                run_count: 1,
                                b: right + (column * 16 + plane * Self.columns) * rows,
                                b_row: Self.columns, depth: rows)
                            multiply(
                                strip.others(plane) + column - columns.lowerBound, columns.count,
                                operands, strip.count,
                                min(Self.columns, columns.upperBound - column), 0)
                        }
                    }
                }
                results.forLines(of: strip, columns) { place, planes, width, height in
                    ck_winograd_results(
                        place, results.line, results.pixel, planes, strip.otherPlane,
                        columns.count, width, height)
                }
            }
        }
    }

    /// kernels [O, 3, 3, C] that images and results give back.
    func kernels(images: Tensor, results: Tensor, into output: Tensor) {
        let (channels, filters) = (images.shape[3], results.shape[3])
        let strips = TileStrips(form, images, filters: filters)
        if strips.count == 0 { return output.clear(on: workers) }
        let plane = channels * filters
        let most = ConvolutionTiles.most
        let groups = max(1, min(strips.count, most.groups, most.elements / (16 * plane)))
        let shares = strips.shares(tasks: groups)
        let sums = Tensor(Spec([groups, 16 * plane], .float32))  // [groups, 16, C, O]
        let (multiply, places) = (multiply, PlacesOfResults(results))
        let target = sums.address.as(Float.self)
        workers.run(groups * shares) { task in
            let (group, share) = task.quotientAndRemainder(dividingBy: shares)
            let columns = strips.columns(share, of: shares)
            let own = strips.count * group / groups..<strips.count * (group + 1) / groups
            strips.forEach(own, and: columns.count) { strip in
                places.forLines(of: strip, columns) { place, planes, width, height in
                    ck_winograd_cotangents(
                        planes, strip.otherPlane, place, places.line, places.pixel, columns.count,
                        width, height)
                }
                let isFirst = strip.index == own.lowerBound && strip.tiles.lowerBound == 0
                var start = 0
                withUnsafePointer(to: &start) { start in
                    for index in 0..<16 {
                        for first in Swift.stride(from: 0, to: strip.count, by: Self.chain) {
                            let operands = ck_tile_operands(
                                a: strip.pixels(index) + first * channels, a_row: 1,
                                a_column: channels, runs: start, run_count: 1,
                                b: strip.others(index) + first * columns.count,
                                b_row: columns.count, depth: min(Self.chain, strip.count - first))
                            multiply(
                                target + (group * 16 + index) * plane + columns.lowerBound,
                                filters, operands, channels, columns.count,
                                isFirst && first == 0 ? 0 : 1)
                        }
                    }
                }
            }
        }
        let left = sums.joined(on: workers)
        let gradients = Tensor(Spec([1, 9 * plane], .float32))  // [1, 3 · 3 · C, O]
        let taps = gradients.address.as(Float.self)
        workers.forRanges(of: plane, grain: 1 << 10) { range in
            ck_winograd_gradients(
                taps + range.lowerBound, left.address(at: range.lowerBound).as(Float.self), plane,
                range.count)
        }
        gradients.writeKernels(filters, into: output, on: workers)
    }
}

/// The tiles of images, in strips of lines of them, as planes: numbers and addresses alone.
private struct TileStrips {
    /// How many strips there are.
    let count: Int
    private let walk: StripWalk
    private let source: UnsafeMutableRawPointer
    private let lines: Int
    private let channels: Int
    private let filters: Int
    /// The most tiles of a strip.
    private let most: Int

    /// About how many elements the planes of a strip have, which stay in the second cache; and the
    /// tiles that it has though they are more, as each strip reads the planes of all kernels.
    private static let size = (elements: 1 << 17, tiles: 64)

    /// Lines of tiles, those of one image after those of another, or a piece of a long one; and memory
    /// with the planes of their pixels and for those of their results: matrices of a row for each
    /// tile.
    struct Strip {
        let index: Int
        let lines: Range<Int>
        /// Which tiles of each line there are, and how many in all.
        let tiles: Range<Int>
        var count: Int { lines.count * tiles.count }
        /// The lines of an image.
        let height: Int
        /// The elements from one plane of results to the next.
        let otherPlane: Int
        fileprivate let memory: UnsafeMutablePointer<Float>
        fileprivate let pixelPlane: Int

        func pixels(_ plane: Int) -> UnsafeMutablePointer<Float> { memory + plane * pixelPlane }

        func others(_ plane: Int) -> UnsafeMutablePointer<Float> {
            memory + 16 * pixelPlane + plane * otherPlane
        }
    }

    /// Of a convolution's images, for results of so many filters.
    init(_ form: ConvolutionForm, _ images: Tensor, filters: Int) {
        // Windows of the 4 x 4 pixels that 2 x 2 results have.
        let windows = ConvolutionForm(
            image: form.image, kernel: [4, 4], strides: [2, 2], low: form.low,
            high: (0..<2).map { form.high[$0] + form.places[$0] % 2 }, dilation: [1, 1])
        (channels, self.filters) = (images.shape[3], filters)
        walk = StripWalk(
            windows, channels: channels, apart: images.pixelStride,
            itemSize: MemoryLayout<Float>.size)
        source = images.address
        lines = images.shape[0] * walk.places.height
        most = max(Self.size.tiles, Self.size.elements / (16 * (channels + filters)))
        let linesOfStrip = max(1, most / walk.places.width)
        count = (lines + linesOfStrip - 1) / linesOfStrip
    }

    /// How many shares of the filters are made apart, so that there are enough tasks for the threads.
    func shares(tasks: Int) -> Int {
        let wanted = (3 * Workers.count + tasks - 1) / max(tasks, 1)
        return Workers.count == 1 ? 1 : max(1, min(wanted, filters / WinogradTiles.columns))
    }

    /// The filters of a share.
    func columns(_ share: Int, of shares: Int) -> Range<Int> {
        PackedProduct.share(share, of: shares, filters, panel: WinogradTiles.columns)
    }

    /// Calls the body for some strips, with memory for planes of so many columns; piece by piece where
    /// a line has more tiles than a strip should.
    func forEach(_ indices: Range<Int>, and columns: Int, _ body: (Strip) -> Void) {
        let (height, width) = walk.places
        let tiles = (lines + count - 1) / count * min(width, most)
        let (pixelPlane, otherPlane) = (Self.plane(tiles * channels), Self.plane(tiles * columns))
        walk.withRoom { room in
            let bytes = 16 * (pixelPlane + otherPlane) * MemoryLayout<Float>.size
            withThreadMemory(bytes) { memory in
                for index in indices {
                    func strip(_ tiles: Range<Int>) -> Strip {
                        Strip(
                            index: index,
                            lines: lines * index / count..<lines * (index + 1) / count,
                            tiles: tiles, height: height, otherPlane: otherPlane,
                            memory: memory.as(Float.self), pixelPlane: pixelPlane)
                    }
                    if width <= most {
                        let whole = strip(0..<width)
                        fill(whole, in: room)
                        body(whole)
                        continue
                    }
                    let pixels = pixels(of: index..<index + 1, in: room)
                    for tiles in (0..<width).pieces(of: most) {
                        let piece = strip(tiles)
                        ck_winograd_pixels(
                            piece.pixels(0), pixelPlane,
                            pixels + tiles.lowerBound * walk.step.column, walk.line, channels,
                            tiles.count)
                        body(piece)
                    }
                }
            }
        }
    }

    /// The padded pixels of some lines of an image.
    private func pixels(
        of lines: Range<Int>, in room: StripWalk.Room
    ) -> UnsafeMutablePointer<Float> {
        let height = walk.places.height
        let (sample, first) = lines.lowerBound.quotientAndRemainder(dividingBy: height)
        return walk.strip(
            of: source + sample * walk.imageBytes, first..<first + lines.count, in: room
        ).as(Float.self)
    }

    /// Makes the planes of the pixels of whole lines, some of an image at a time.
    private func fill(_ strip: Strip, in room: StripWalk.Room) {
        let (height, width) = walk.places
        let most = (height + walk.bands - 1) / walk.bands
        var next = strip.lines.lowerBound
        while next < strip.lines.upperBound {
            let ofImage = height - next % height
            let end = min(next + most, next + ofImage, strip.lines.upperBound)
            let pixels = pixels(of: next..<end, in: room)
            for line in next..<end {
                let tile = (line - strip.lines.lowerBound) * width
                ck_winograd_pixels(
                    strip.pixels(0) + tile * channels, strip.pixelPlane,
                    pixels + (line - next) * walk.step.row, walk.line, channels, width)
            }
            next = end
        }
    }

    /// The elements from one plane to the next, such that 16 lines at one place of the planes do not
    /// meet in one place of the first cache.
    private static func plane(_ count: Int) -> Int { (count + 1023) / 1024 * 1024 + 16 }
}

/// Where results lie: for a line of tiles two rows of them, or one at the edge.
private struct PlacesOfResults {
    let pixel: Int
    let line: Int
    private let width: Int
    private let height: Int
    private let address: UnsafeMutablePointer<Float>

    init(_ results: Tensor) {
        (height, width, pixel) = (results.shape[1], results.shape[2], results.pixelStride)
        line = width * pixel
        address = results.address.as(Float.self)
    }

    /// Calls the body for each line of a strip with its first result, of some filters, the planes from
    /// its first tile on, and the width and the rows of its results.
    func forLines(
        of strip: TileStrips.Strip, _ columns: Range<Int>,
        _ body: (UnsafeMutablePointer<Float>, UnsafeMutablePointer<Float>, Int, Int32) -> Void
    ) {
        let first = 2 * strip.tiles.lowerBound
        for (index, tiles) in strip.lines.enumerated() {
            let (sample, row) = tiles.quotientAndRemainder(dividingBy: strip.height)
            body(
                address + (sample * height + 2 * row) * line + first * pixel + columns.lowerBound,
                strip.others(0) + index * strip.tiles.count * columns.count,
                min(width, 2 * strip.tiles.upperBound) - first,
                Int32(min(2, height - 2 * row)))
        }
    }
}
