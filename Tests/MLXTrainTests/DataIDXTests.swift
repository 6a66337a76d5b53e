import MLXTrain
import Testing

@Suite("Datasets from MNIST IDX files")
struct DataIDXTests {
    let folder: DataFolder
    static let images = DataBytes.idx(
        0x803, [3, 2, 2], [0, 51, 102, 153, 204, 255, 0, 0, 1, 2, 3, 4])
    static let labels = DataBytes.idx(0x801, [3], [2, 0, 1])

    init() throws {
        folder = try DataFolder()
    }

    private func load(
        _ images: [UInt8], _ labels: [UInt8], _ keys: String = "\"test_fraction\":0"
    ) throws -> DataSplit {
        try folder.write("i", images)
        try folder.write("l", labels)
        let data = "data={\"format\":\"mnist\",\"images\":\"i\",\"labels\":\"l\",\(keys)}"
        let job = try TrainConfig(
            json: TestJob.minimal, baseDirectory: folder.path, overrides: [data])
        try job.data.requireFiles()
        return try DataSplit.load(job.data, seed: 0)
    }

    private func refusal(_ images: [UInt8], _ labels: [UInt8], _ keys: String = "\"scale\":1")
        throws -> String?
    {
        do {
            _ = try load(images, labels, keys)
            return nil
        } catch let error as DataError {
            return "\(error) [\(error.exitStatus)]".replacing(folder.path + "/", with: "")
        }
    }

    @Test func `images and labels are read, pixels from 0 to 1`() throws {
        let data = try load(Self.images, Self.labels).train
        #expect(data.sampleShape == [2, 2, 1])
        #expect(try data.labels == [2, 0, 1])
        #expect(data.classNames == ["0", "1", "2"])
        #expect(try data.features.prefix(6) == [0, 0.2, 0.4, 0.6, 0.8, 1])
    }

    @Test func `compressed files read the same`() throws {
        let plain = try load(Self.images, Self.labels).train.all
        let packed = try load(DataBytes.gzip(Self.images), DataBytes.gzip(Self.labels)).train
        #expect(try packed.all == plain)
    }

    @Test func `test files are the held-out samples`() throws {
        try folder.write("ti", DataBytes.idx(0x803, [1, 2, 2], [255, 0, 0, 255]))
        try folder.write("tl", DataBytes.idx(0x801, [1], [1]))
        let keys = "\"test_images\":\"ti\",\"test_labels\":\"tl\""
        let split = try load(Self.images, Self.labels, keys)
        #expect(split.train.count == 3 && split.heldOut)
        #expect(try split.test.features == [1, 0, 0, 1])
        #expect(try split.test.labels == [1])
        #expect(split.test.classNames == split.train.classNames)
    }

    @Test func `test images of another size and test labels above the last are refused`() throws {
        let keys = "\"test_images\":\"ti\",\"test_labels\":\"tl\""
        try folder.write("ti", DataBytes.idx(0x803, [1, 1, 2], [255, 0]))
        try folder.write("tl", DataBytes.idx(0x801, [1], [1]))
        #expect(
            try refusal(Self.images, Self.labels, keys)
                == "ti: test images are 1x2x1, training images 2x2x1 [65]")
        try folder.write("ti", DataBytes.idx(0x803, [1, 2, 2], [255, 0, 0, 255]))
        try folder.write("tl", DataBytes.idx(0x801, [1], [7]))
        #expect(
            try refusal(Self.images, Self.labels, keys)
                == "tl: record 0: label 7 is above the last of 3 classes [65]")
    }

    @Test func `names of classes replace the digits`() throws {
        let keys = "\"classes\":[\"shirt\",\"bag\",\"boot\"],\"test_fraction\":0"
        #expect(try load(Self.images, Self.labels, keys).train.classNames.last == "boot")
        #expect(
            try refusal(Self.images, Self.labels, "\"classes\":[\"shirt\",\"bag\"]")
                == "l: record 0: label 2 is above the last of 2 classes [65]")
    }

    @Test func `wrong files are refused in words`() throws {
        #expect(
            try refusal(Self.labels, Self.labels)
                == "i: not an MNIST IDX file of the wanted kind: it must begin with 0x00000803,"
                + " got 0x00000801 [65]")
        #expect(try refusal([8, 3], Self.labels)?.contains("got the end") == true)
        #expect(
            try refusal(Self.images + [9], Self.labels)
                == "i: the header tells of 12 bytes of data, the file has 13 [65]")
        #expect(
            try refusal(Self.images.dropLast(), Self.labels)
                == "i: the header tells of 12 bytes of data, the file has 11 [65]")
        #expect(
            try refusal(Array(Self.images.prefix(10)), Self.labels)
                == "i: the header tells of 16 bytes of data, the file has 10 [65]")
        let huge = DataBytes.idx(0x803, [.max, .max, .max], [])
        #expect(try refusal(huge, Self.labels)?.contains("the file has 0") == true)
        #expect(
            try refusal(Self.images, DataBytes.idx(0x801, [2], [0, 1]))
                == "l: 2 labels for the 3 images of i [65]")
        #expect(
            try refusal(DataBytes.idx(0x803, [0, 2, 2], []), DataBytes.idx(0x801, [0], []))
                == "i: the file holds no samples [65]")
        #expect(
            try refusal(Self.images, DataBytes.idx(0x801, [3], [0, 0, 0]))?
                .hasPrefix("l: all samples have the label \"0\"") == true)
    }
}
