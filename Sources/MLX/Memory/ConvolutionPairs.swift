import CKernels

/// Convolutions of bfloat16 by the instruction that adds the products of two pairs to float32.
extension ConvolutionTiles {
    /// Whether a part of a convolution of bfloat16 is made of pairs, as the processor multiplies
    /// them: of channels that follow each other, or of two images.
    ///
    /// A processor with AMX is slower at pairs in vectors than at float32: there they are
    /// multiplied by its tiles or not at all.
    static func isInPairs(
        _ form: ConvolutionForm, _ part: ImageConvolution.Part, groups: Int, _ first: Tensor
    ) -> Bool {
        guard ck_tile_multiply_pairs(0) != nil else { return false }
        let shape = Array(first.shape.suffix(4))
        switch part {
        case .results:
            let channels = shape[3] / groups
            return channels % 2 == 0 && fits(form, pairs: channels / 2)
        case .images:
            let filters = shape[0] / groups
            return filters % 2 == 0 && isTurned(form, channels: shape[3])
                && ConvolutionPhase.all(of: form).allSatisfy { fits($0.form, pairs: filters / 2) }
        case .kernels: return shape[0] >= 2 && ck_has_tiled_products() == 0
        }
    }

    private static func fits(_ form: ConvolutionForm, pairs: Int) -> Bool {
        if ck_has_tiled_products() == 0 { return true }
        let depth = (form.dilation[1] == 1 ? form.kernel[1] : 1) * pairs
        return ck_tiles_fit(form.places[1], depth) != 0
    }

    /// kernels [O, KH, KW, C] that images and results of bfloat16 give back: the pixels of two
    /// images are joined in pairs, and so are their results.
    func kernelsInPairs(_ images: Tensor, _ results: Tensor, into output: Tensor) {
        guard let multiply = ck_tile_multiply_pairs(1) else { return }
        let (channels, filters) = (images.shape[3], results.shape[3])
        let (samples, size) = (images.shape[0], output.count)
        let walk = StripWalk(
            form, channels: channels, apart: images.pixelStride, itemSize: images.dtype.size)
        let pairs = (samples + 1) / 2
        let groups = max(1, min(pairs, Self.most.groups, Self.most.elements / size))
        // Too few groups for the threads are shared by the rows of the kernels.
        let shares = groups < max(Self.most.groups, 3 * Workers.count) ? form.kernel[0] : 1
        let sums = Tensor(Spec([groups, size], .float32))  // [groups, KH · KW · C, O]
        sums.clear(on: workers)
        let (kernelRows, target) = (form.kernel[0], sums.address)
        let joined = JoinedStrips(walk, images, results)
        workers.run(groups * shares) { task in
            let (group, share) = task.quotientAndRemainder(dividingBy: shares)
            let downs = share * kernelRows / shares..<(share + 1) * kernelRows / shares
            let across = walk.runCount / kernelRows
            for pair in pairs * group / groups..<pairs * (group + 1) / groups {
                for band in 0..<walk.bands {
                    joined.withPair(pair, walk.rows(band)) { room, left, right in
                        for run in downs.lowerBound * across..<downs.upperBound * across {
                            let operands = ck_tile_operands(
                                a: left + room.runs[run] * 4, a_row: 1,
                                a_column: walk.step.column, runs: room.lines,
                                run_count: walk.rows(band).count, b: right, b_row: filters,
                                depth: walk.places.width)
                            multiply(
                                target + (group * size + run * walk.depth * filters) * 4, filters,
                                operands, walk.depth, filters, 1)
                        }
                    }
                }
            }
        }
        let wide = output.computing(.float32)
        sums.writeKernels(filters, into: wide, on: workers)
        output.finish(wide, on: workers)
    }
}

/// The strips of two images, and their results, as pairs: numbers and addresses alone.
private struct JoinedStrips {
    let walk: StripWalk
    let images: UnsafeMutableRawPointer
    let results: UnsafeMutableRawPointer
    let samples: Int
    let filters: Int
    /// The elements from one place of the results to the next.
    let apart: Int

    init(_ walk: StripWalk, _ images: Tensor, _ results: Tensor) {
        self.walk = walk
        (self.images, self.results) = (images.address, results.address)
        (samples, filters, apart) = (images.shape[0], results.shape[3], results.pixelStride)
    }

    /// Calls the body with the pairs around some rows of results and those of the results.
    func withPair(
        _ pair: Int, _ rows: Range<Int>,
        _ body: (StripWalk.Room, UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> Void
    ) {
        let (first, isWhole) = (2 * pair, 2 * pair + 1 < samples)
        let pixels = walk.stripRows(rows) * walk.line
        let places = rows.count * walk.places.width
        walk.withRoom { room in
            walk.withRoom { other in
                withThreadMemory((pixels + places * filters) * 4) { memory in
                    let right = memory + pixels * 4
                    let low = walk.strip(of: images + first * walk.imageBytes, rows, in: room)
                    let high =
                        isWhole
                        ? walk.strip(of: images + (first + 1) * walk.imageBytes, rows, in: other)
                        : nil
                    ck_join_pairs(memory, low, high, pixels)
                    joinResults(first, isWhole, rows.lowerBound, places, into: right)
                    body(room, memory, right)
                }
            }
        }
    }

    /// Joins the results of two images from a row on.
    private func joinResults(
        _ first: Int, _ isWhole: Bool, _ row: Int, _ places: Int,
        into right: UnsafeMutableRawPointer
    ) {
        let start = (first * walk.places.height + row) * walk.places.width
        let next = walk.places.height * walk.places.width
        let isDense = apart == filters
        for place in 0..<(isDense ? 1 : places) {
            let low = results + (start + place) * apart * 2
            ck_join_pairs(
                right + place * filters * 4, low, isWhole ? low + next * apart * 2 : nil,
                isDense ? places * filters : filters)
        }
    }
}
