/// A part of the way from a convolution's results back to its images: the pixels that lie as far apart
/// as the windows do, from a first one on, are a convolution of the results, of stride one, by those
/// elements of the kernels that meet them, turned round.
struct ConvolutionPhase {
    /// That convolution; of no place where no element meets a pixel.
    let form: ConvolutionForm
    /// The first pixel and the distance of the pixels, along both axes.
    let first: [Int]
    let step: [Int]
    /// The first element of a kernel that meets the pixels.
    private let element: [Int]

    /// Whether a convolution's way back is made of phases: not where elements of kernels lie apart
    /// and windows too.
    static func exist(for form: ConvolutionForm) -> Bool {
        (0..<2).allSatisfy {
            form.strides[$0] == 1 || form.dilation[$0] == 1 || form.kernel[$0] == 1
        }
    }

    /// Whether there are pixels that no element of a kernel meets, which phases leave as they are.
    static func leaveGaps(in form: ConvolutionForm) -> Bool {
        zip(form.strides, form.kernel).contains { $0 > $1 }
    }

    /// The phases of a convolution that together make all pixels.
    static func all(of form: ConvolutionForm) -> [ConvolutionPhase] {
        let (rows, columns) = (Axis.all(of: form, 0), Axis.all(of: form, 1))
        return rows.flatMap { row in columns.map { ConvolutionPhase(form, row, $0) } }
    }

    private init(_ whole: ConvolutionForm, _ row: Axis, _ column: Axis) {
        form = ConvolutionForm(
            image: whole.places, kernel: [row.kernel, column.kernel], strides: [1, 1],
            low: [row.low, column.low], high: [row.high, column.high],
            dilation: [row.dilation, column.dilation])
        first = [row.first, column.first]
        step = whole.strides
        element = [row.element, column.element]
    }

    var isEmpty: Bool { form.kernel.contains(0) }

    /// Which element of a whole kernel, so many elements wide, is element `tap` of the phase's.
    func element(_ tap: Int, width: Int) -> Int {
        let (down, across) = tap.quotientAndRemainder(dividingBy: form.kernel[1])
        let row = element[0] + (form.kernel[0] - 1 - down) * step[0]
        return row * width + element[1] + (form.kernel[1] - 1 - across) * step[1]
    }

    /// A phase along one axis.
    private struct Axis {
        let first: Int
        let kernel: Int
        let element: Int
        let low: Int
        let high: Int
        let dilation: Int

        static func all(of form: ConvolutionForm, _ axis: Int) -> [Axis] {
            let (stride, kernel, low) = (form.strides[axis], form.kernel[axis], form.low[axis])
            if stride == 1 {
                let reach = (kernel - 1) * form.dilation[axis]
                return [
                    Axis(
                        first: 0, kernel: kernel, element: 0, low: reach - low,
                        high: reach - form.high[axis], dilation: form.dilation[axis])
                ]
            }
            let (end, places) = (form.image[axis] + low, form.places[axis])
            return (0..<stride).compactMap { element in
                // The pixel at k · stride + element of the padded image, for k in a range.
                let start = roundedUp(low - element, stride)
                let stop = roundedUp(end - element, stride)
                guard start < stop else { return nil }
                let count = kernel > element ? (kernel - element - 1) / stride + 1 : 0
                let before = count - 1 - start
                return Axis(
                    first: start * stride + element - low, kernel: count, element: element,
                    low: before, high: stop - start + count - 1 - places - before, dilation: 1)
            }
        }

        /// The least integer that is not less than a quotient.
        private static func roundedUp(_ value: Int, _ divisor: Int) -> Int {
            value > 0 ? (value + divisor - 1) / divisor : -(-value / divisor)
        }
    }
}
