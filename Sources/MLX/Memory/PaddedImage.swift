import Glibc

/// Sums for an image and the padding around it, to which windows give their shares.
struct PaddedImage {
    /// The elements of a row, and those from the first one to where the first window starts.
    let line: Int
    let origin: Int
    let imageBytes: Int
    private let image: (height: Int, width: Int)
    private let top: Int
    private let left: Int
    private let pixel: Int
    private let lineBytes: Int
    private let bytes: Int

    init(_ form: ConvolutionForm, channels: Int, itemSize: Int) {
        image = (form.image[0], form.image[1])
        pixel = channels * itemSize
        imageBytes = image.height * image.width * pixel
        // A part that is cut off has no place in the sums.
        (top, left) = (max(form.low[0], 0), max(form.low[1], 0))
        let width = image.width + left + max(form.high[1], 0)
        line = width * channels
        lineBytes = width * pixel
        bytes = (image.height + top + max(form.high[0], 0)) * lineBytes
        origin = ((top - form.low[0]) * width + left - form.low[1]) * channels
    }

    /// Hands out memory for the sums, which are zero, and so many bytes behind them.
    func withSums(
        and rest: Int = 0,
        _ body: (_ sums: UnsafeMutableRawPointer, _ rest: UnsafeMutableRawPointer) -> Void
    ) {
        withThreadMemory(bytes + rest) { sums in
            memset(sums, 0, bytes)
            body(sums, sums + bytes)
        }
    }

    /// Copies what lies in the image.
    func copy(from sums: UnsafeMutableRawPointer, to target: UnsafeMutableRawPointer) {
        let row = image.width * pixel
        for index in 0..<image.height {
            (target + index * row).copyMemory(
                from: sums + (index + top) * lineBytes + left * pixel, byteCount: row)
        }
    }
}
