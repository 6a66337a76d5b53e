import CKernels
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
    /// The bytes from one pixel of an image to the next.
    private let apart: Int
    private let lineBytes: Int
    private let bytes: Int

    /// - Parameter apart: the elements from one pixel of an image to the next.
    init(_ form: ConvolutionForm, channels: Int, apart: Int, itemSize: Int) {
        image = (form.image[0], form.image[1])
        pixel = channels * itemSize
        self.apart = apart * itemSize
        imageBytes = image.height * image.width * self.apart
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
        for index in 0..<image.height {
            ck_copy_2d(
                target + index * image.width * apart,
                sums + (index + top) * lineBytes + left * pixel,
                image.width, pixel, apart, 1, pixel, 1, 1)
        }
    }
}
