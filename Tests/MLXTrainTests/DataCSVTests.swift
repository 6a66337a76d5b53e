import Foundation
import MLXTrain
import Testing

@Suite("Datasets from CSV files")
struct DataCSVTests {
    let folder: DataFolder

    init() throws {
        folder = try DataFolder()
    }

    @Test func `features and labels are read, the label last`() throws {
        let data = try folder.load("1,2.5,b\n-3e-1,+4,a\n0,0.125,b\n").train
        #expect(try data.features == [1, 2.5, -0.3, 4, 0, 0.125])
        #expect(data.classNames == ["a", "b"])
        #expect(try data.labels == [1, 0, 1])
        #expect(data.sampleShape == [2])
        #expect(data.count == 3 && data.featureCount == 2)
    }

    @Test func `CR LF, blank lines, spaces, quotes and a missing last line end are read`() throws {
        let text = "1 ,\t2,\"x, \"\"y\"\"\"\r\n\r\n\"3\",4,z\r\n  \n5,6,\"z\""
        let data = try folder.load(text).train
        #expect(try data.features == [1, 2, 3, 4, 5, 6])
        #expect(data.classNames == ["x, \"y\"", "z"])
        #expect(try data.labels == [0, 1, 1])
    }

    @Test func `a byte order mark is skipped`() throws {
        let data = try folder.load(bytes: [0xEF, 0xBB, 0xBF] + Array("1,a\n2,b\n".utf8)).train
        #expect(try data.features == [1, 2])
    }

    @Test func `labels that are all integers are sorted as numbers`() throws {
        #expect(try folder.load("0,10\n0,9\n0,-1\n").train.classNames == ["-1", "9", "10"])
        #expect(try folder.load("0,10\n0,9\n0,x\n").train.classNames == ["10", "9", "x"])
    }

    @Test func `the label column is first, last, an index or a name`() throws {
        let text = "a,b,c\n1,2,3\n4,5,6\n"
        #expect(try folder.load(text, "label_column=first").train.features == [2, 3, 5, 6])
        #expect(try folder.load(text, "label_column=last").train.features == [1, 2, 4, 5])
        #expect(try folder.load(text, "label_column=1").train.features == [1, 3, 4, 6])
        #expect(try folder.load(text, "label_column=b").train.classNames == ["2", "5"])
    }

    @Test func `a header is found, forced or refused`() throws {
        #expect(try folder.load("x,y\n1,a\n2,b\n").train.count == 2)
        #expect(try folder.load("0,a\n1,b\n").train.count == 2)
        #expect(try folder.load("0,a\n1,b\n2,c\n", "header=true").train.count == 2)
        #expect(
            try folder.refusal("x,y\n1,a\n", "header=false")
                == "t.csv:1: field 1: \"x\" is not a finite number [65]")
    }

    @Test func `a first row with one bad number is no header`() throws {
        #expect(
            try folder.refusal("1,oops,a\n2,3,b\n")
                == "t.csv:1: field 2: \"oops\" is not a finite number [65]")
    }

    @Test func `given classes keep their order and their number`() throws {
        let data = try folder.load("0,a\n1,b\n", "classes=[\"c\",\"b\",\"a\"]").train
        #expect(data.classNames == ["c", "b", "a"])
        #expect(try data.labels == [2, 1])
    }

    @Test func `features are divided by the scale`() throws {
        #expect(try folder.load("16,a\n4,b\n", "scale=16").train.features == [1, 0.25])
    }

    @Test func `rows with an image have its shape`() throws {
        let text = "1,2,3,4,5,6,a\n1,2,3,4,5,6,b\n"
        let data = try folder.load(text, "image={\"height\":3,\"width\":2}").train
        #expect(data.sampleShape == [3, 2, 1])
        #expect(
            try folder.refusal(text, "image={\"height\":3,\"width\":3}")
                == "t.csv: rows have 6 features, but data.image is 3x3x1 = 9 [65]")
    }

    static let refusals = [
        ("1,2,a\n1,b\n", "t.csv:2: expected 3 fields as in the first row, got 2 [65]"),
        ("1,2,a\n\n1,2,3,b\n", "t.csv:3: expected 3 fields as in the first row, got 4 [65]"),
        ("1,2,a\n1,2,b\n1,x,c\n", "t.csv:3: field 2: \"x\" is not a finite number [65]"),
        ("1,2,a\n1,NaN,b\n", "t.csv:2: field 2: \"NaN\" is not a finite number [65]"),
        ("1,2,a\n1,inf,b\n", "t.csv:2: field 2: \"inf\" is not a finite number [65]"),
        ("1,2,a\n1,1e39,b\n", "t.csv:2: field 2: \"1e39\" is not a finite number [65]"),
        ("1,2,a\n1,0x10,b\n", "t.csv:2: field 2: \"0x10\" is not a finite number [65]"),
        ("1,2,a\n1,,b\n", "t.csv:2: field 2: \"\" is not a finite number [65]"),
        ("1,2,a\n1,1.2.3,b\n", "t.csv:2: field 2: \"1.2.3\" is not a finite number [65]"),
        ("1,a\n2,\n", "t.csv:2: the label is empty [65]"),
        (
            "1;a\n2;b\n",
            "t.csv:1: a row needs a label and at least one feature,"
                + " separated by commas [65]"
        ),
        ("", "t.csv: the file holds no samples [65]"),
        ("\n \r\n", "t.csv: the file holds no samples [65]"),
        ("x,y,label\n", "t.csv: the file holds no samples [65]"),
        (
            "1,a\n2,a\n",
            "t.csv: all samples have the label \"a\"; a classification needs two"
                + " classes or more [65]"
        ),
        ("1,a\n2,\"b\n", "t.csv:2: a quoted field has no closing quote [65]"),
        (
            "1,a\n2,b\"c\n",
            "t.csv:2: a quote inside a field; put the field in quotes,"
                + " double it [65]"
        ),
        ("1,\"a\"b\n", "t.csv:1: text follows the closing quote of a field [65]"),
        ("1,\"a\n\nb\"\n2,c\n3\n", "t.csv:5: expected 2 fields as in the first row, got 1 [65]"),
    ]

    @Test(arguments: refusals)
    func `a wrong row is refused with file and line`(text: String, words: String) throws {
        #expect(try folder.refusal(text) == words)
    }

    @Test func `an unknown label is refused with the line and the classes`() throws {
        #expect(
            try folder.refusal("1,a\n2,c\n", "classes=[\"a\",\"b\"]")
                == "t.csv:2: unknown label \"c\"; data.classes lists \"a\", \"b\" [65]")
    }

    @Test func `a label column that is not there is refused`() throws {
        #expect(
            try folder.refusal("x,y\n1,a\n", "label_column=z")
                == "t.csv:1: no column \"z\" for data.label_column; the header has"
                + " \"x\", \"y\" [65]")
        #expect(
            try folder.refusal("1,a\n2,b\n", "label_column=2")
                == "t.csv:1: data.label_column is 2, but rows have 2 fields; the first is 0 [65]")
    }

    @Test func `a missing file has the status 66`() throws {
        let job = try TrainConfig(json: TestJob.minimal, baseDirectory: folder.path)
        let wanted = DataError.missingFile("\(folder.path)/samples.csv")
        #expect(wanted.exitStatus == 66)
        #expect(throws: wanted) { try DataSplit.load(job.data, seed: 0) }
        #expect(throws: wanted) { try job.data.requireFiles() }
    }

    @Test func `a file under a file is missing, a folder cannot be read`() throws {
        try folder.write("plain", [1])
        #expect(throws: DataError.missingFile("\(folder.path)/plain/x.csv")) {
            try DataSplit.load(
                TrainConfig(
                    json: TestJob.minimal, baseDirectory: folder.path,
                    overrides: ["data.path=plain/x.csv"]
                ).data, seed: 0)
        }
        #expect(throws: DataError.notAFile(folder.path, kind: "a directory")) {
            try DataSplit.load(
                TrainConfig(
                    json: TestJob.minimal, baseDirectory: folder.path,
                    overrides: ["data.path=."]
                ).data, seed: 0)
        }
    }
}
