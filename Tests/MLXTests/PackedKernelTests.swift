import CKernels
import Foundation
import Testing

/// Every way to pack that this processor can multiply, also those that it is not fastest at.
@Suite("Kernels of packed products", .enabled(if: ck_has_packed_products() != 0))
struct PackedKernelTests {
    private static let packings: [ck_packing] =
        [CK_PACK_FLOATS, CK_PACK_WIDENED] + (ck_has_bf16_dots() != 0 ? [CK_PACK_PAIRS] : [])

    private struct Lines {
        let count: Int
        let length: Int
        /// Small multiples of 1/8, which are exact in both types, and so are sums of their products.
        let numbers: [Float]

        init(_ count: Int, _ length: Int, seed: Int) {
            (self.count, self.length) = (count, length)
            numbers = (0..<count * length).map { Float((($0 + seed) * 7919) % 31 - 15) / 8 }
        }

        /// Panels of lines that lie one behind the other, or beside each other.
        func packed(_ packing: ck_packing, isBeside: Bool, width: Int) -> [UInt32] {
            let stride = (isBeside ? count : length) + 3
            var memory = [Float](repeating: .nan, count: stride * (isBeside ? length : count))
            for line in 0..<count {
                for index in 0..<length {
                    memory[isBeside ? index * stride + line : line * stride + index] =
                        numbers[line * length + index]
                }
            }
            let panels = (count + width - 1) / width
            var out = [UInt32](repeating: .max, count: panels * packing.vectors(length) * 16)
            let beside: Int32 = isBeside ? 1 : 0
            if packing == CK_PACK_FLOATS {
                ck_pack(packing, &out, memory, count, length, stride, beside, width)
            } else {
                let halves = memory.map { UInt16($0.bitPattern >> 16) }
                ck_pack(packing, &out, halves, count, length, stride, beside, width)
            }
            return out
        }
    }

    private func withPackedRows(
        _ memory: [UInt32], _ count: Int, panel: Int, _ body: (ck_packed_rows) -> Void
    ) {
        memory.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            body(ck_packed_rows(start: start, count: count, panel: panel))
        }
    }

    private static let sizes = [
        [1, 1, 1], [14, 16, 32], [15, 33, 17], [28, 63, 48], [29, 65, 33], [5, 300, 16],
        [13, 16, 31], [42, 130, 70],
    ]

    @Test("write, add and round sums of products", arguments: packings, sizes)
    func sums(_ packing: ck_packing, _ size: [Int]) {
        let (rows, length, columns) = (size[0], size[1], size[2])
        let left = Lines(rows, length, seed: 1)
        let right = Lines(columns, length, seed: 5)
        let leading = columns + 2
        for index in 0..<8 {
            let panel = index < 4 ? ck_packed_row_count() : 5
            let a = left.packed(packing, isBeside: index % 2 == 0, width: panel)
            let b = right.packed(
                packing, isBeside: index / 2 % 2 == 0, width: Int(CK_PACKED_COLUMNS))
            func multiply<T: BitwiseCopyable>(_ result: ck_packed_result, _ out: inout [T]) {
                withPackedRows(a, rows, panel: panel) { a in
                    ck_packed_multiply(
                        packing, &out, leading, a, b, columns, ck_ahead(), length, result)
                }
            }
            var sums = [Float](repeating: 0.5, count: rows * leading)
            multiply(CK_PACKED_WRITTEN, &sums)
            var added = [Float](repeating: 0.5, count: rows * leading)
            multiply(CK_PACKED_ADDED, &added)
            var narrow = [UInt16](repeating: 7, count: rows * leading)
            multiply(CK_PACKED_NARROW, &narrow)
            for row in 0..<rows {
                for column in 0..<leading {
                    let place = row * leading + column
                    guard column < columns else {
                        #expect(sums[place] == 0.5 && added[place] == 0.5 && narrow[place] == 7)
                        continue
                    }
                    let expected = (0..<length).reduce(Float(0)) {
                        $0 + left.numbers[row * length + $1] * right.numbers[column * length + $1]
                    }
                    #expect(sums[place] == expected)
                    #expect(added[place] == expected + 0.5)
                    #expect(narrow[place] == rounded(expected))
                }
            }
        }
    }

    @Test(
        "give the same bits where columns lie, whatever the panels of rows",
        arguments: [1, 5, 14, 15, 28, 29, 64, 65, 100], [1, 63, 64, 65, 256, 257, 700])
    func lying(_ rows: Int, _ length: Int) {
        let (columns, stride, leading) = (71, 75, 73)
        func numbers(_ count: Int, _ seed: Int) -> [Float] {
            (0..<count).map { Float((($0 + seed) * 7919) % 1013 - 506) / 97 }
        }
        let left = numbers(rows * length, 3)
        // What lies beside the columns must not be read.
        let right = numbers(stride * length, 11).enumerated().map {
            $0 % stride < columns ? $1 : .nan
        }
        var packedColumns = [UInt32](repeating: .max, count: (columns + 15) / 16 * length * 16)
        ck_pack(
            CK_PACK_FLOATS, &packedColumns, right, columns, length, stride, 1,
            Int(CK_PACKED_COLUMNS))
        func multiply(
            panel: Int, _ result: ck_packed_result, lies: Bool, keeps: Bool = false
        ) -> [UInt32] {
            let panels = (rows + panel - 1) / panel
            var a = [UInt32](repeating: .max, count: panels * length * 16)
            ck_pack(CK_PACK_FLOATS, &a, left, rows, length, length, 0, panel)
            var out = [Float](repeating: 0.5, count: rows * leading)
            withPackedRows(a, rows, panel: panel) { a in
                if lies {
                    let kept = (columns + 15) / 16 * length * 64
                    let bytes = keeps ? kept : ck_lying_room(rows, length)
                    let room = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 64)
                    defer { room.deallocate() }
                    memset(room, 0xFF, bytes)
                    ck_lying_multiply(
                        &out, leading, a, right, stride, room, keeps ? 1 : 0, columns, length,
                        result)
                    if keeps { #expect(memcmp(room, packedColumns, kept) == 0) }
                } else {
                    ck_packed_multiply(
                        CK_PACK_FLOATS, &out, leading, a, packedColumns, columns, ck_ahead(),
                        length, result)
                }
            }
            return out.map(\.bitPattern)
        }
        for result in [CK_PACKED_WRITTEN, CK_PACKED_ADDED] {
            let expected = multiply(panel: ck_packed_row_count(), result, lies: false)
            for panel in [ck_packed_row_count(), 11, 8, 1] where rows <= 40 || panel > 1 {
                #expect(multiply(panel: panel, result, lies: true) == expected)
                #expect(multiply(panel: panel, result, lies: true, keeps: true) == expected)
                #expect(multiply(panel: panel, result, lies: false) == expected)
            }
        }
    }

    @Test(
        "sum the products of a few rows with lines", arguments: [1, 2, 3, 4, 5, 8], [1, 7, 8, 17])
    func dots(_ rows: Int, _ lines: Int) {
        for length in [1, 15, 16, 17, 1023, 1024, 1025, 4099] {
            let (left, right) = (Lines(rows, length, seed: 1), Lines(lines, length, seed: 5))
            let leading = lines + 2
            var out = [Float](repeating: 0.5, count: rows * leading)
            ck_float_dots(
                &out, leading, left.numbers, length, right.numbers, length, rows, lines, length)
            for place in out.indices {
                let (row, line) = place.quotientAndRemainder(dividingBy: leading)
                guard line < lines else {
                    #expect(out[place] == 0.5)
                    continue
                }
                let expected = (0..<length).reduce(Float(0)) {
                    $0 + left.numbers[row * length + $1] * right.numbers[line * length + $1]
                }
                #expect(out[place] == expected)
            }
        }
    }

    @Test("round ties to even, keep infinities, and make NaN quiet", arguments: packings)
    func rounding(_ packing: ck_packing) {
        let values: [Float] = [
            1.00390625, 1.01171875, -1.00390625, 3.3895314e38, .infinity, -.infinity, .nan, 0,
        ]
        // A product with a unit vector; what does not fit in bfloat16 is made of two that do.
        var left = [Float](repeating: 0, count: 2 * values.count)
        for (index, value) in values.enumerated() {
            let high = Float(bitPattern: value.bitPattern & 0xFFFF_0000)
            left[2 * index] = high
            left[2 * index + 1] = value.isFinite ? value - high : 0
        }
        func pack(_ numbers: [Float], _ count: Int, width: Int) -> [UInt32] {
            var out = [UInt32](repeating: 0, count: packing.vectors(2) * 16)
            if packing == CK_PACK_FLOATS {
                ck_pack(packing, &out, numbers, count, 2, 2, 0, width)
            } else {
                let halves = numbers.map { UInt16($0.bitPattern >> 16) }
                ck_pack(packing, &out, halves, count, 2, 2, 0, width)
            }
            return out
        }
        let a = pack(left, values.count, width: ck_packed_row_count())
        let b = pack([1, 1], 1, width: Int(CK_PACKED_COLUMNS))
        var out = [UInt16](repeating: 0, count: values.count)
        withPackedRows(a, values.count, panel: ck_packed_row_count()) { a in
            ck_packed_multiply(packing, &out, 1, a, b, 1, ck_ahead(), 2, CK_PACKED_NARROW)
        }
        for (value, bits) in zip(values, out) {
            if value.isNaN {
                #expect(bits & 0x7FC0 == 0x7FC0)
            } else {
                #expect(bits == rounded(value))
            }
        }
    }

    private func rounded(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        return UInt16(truncatingIfNeeded: (bits + 0x7FFF + (bits >> 16 & 1)) >> 16)
    }
}

extension ck_packing {
    fileprivate func vectors(_ count: Int) -> Int {
        self == CK_PACK_PAIRS ? (count + 1) / 2 : count
    }
}
