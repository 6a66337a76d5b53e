import MLX
import Testing

@Suite struct NestedDictionaryTests {
    typealias Tree = NestedDictionary<String, Int>

    let tree = Tree(values: [
        "b": .array([.dictionary(["w": .value(1)]), .none, .value(2)]),
        "a": .value(0),
        "c": .dictionary(["y": .value(4), "x": .value(3)]),
    ])

    @Test func `flattened gives dotted keys in ascending order`() {
        let flat = tree.flattened()
        #expect(flat.map(\.0) == ["a", "b.0.w", "b.2", "c.x", "c.y"])
        #expect(flat.map(\.1) == [0, 1, 2, 3, 4])
        #expect(tree.flattenedValues() == [0, 1, 2, 3, 4])
        #expect(tree.flattened(prefix: "m").first?.0 == "m.a")
    }

    @Test func `unflattened reverses flattened`() {
        #expect(Tree.unflattened(tree.flattened()) == tree)
        #expect(Tree.unflattened(Dictionary(uniqueKeysWithValues: tree.flattened())) == tree)
        #expect(Tree.unflattened([(String, Int)]()) == Tree())
    }

    @Test(arguments: [
        ["a..b"], [""], ["0", "2.x"], ["07.a"], ["x.99999999999"], ["x.70000", "x.1"],
    ])
    func `unusual keys come back`(keys: [String]) {
        let flat = keys.enumerated().map { ($1, $0) }
        let again = Tree.unflattened(flat).flattened()
        #expect(Set(again.map(\.0)) == Set(keys))
    }

    @Test func `a long list is in numeric order`() {
        let flat = (0..<12).map { ("l.\($0)", $0) }
        #expect(Tree.unflattened(flat.reversed()).flattenedValues() == Array(0..<12))
    }

    @Test func `mapping keeps the structure`() {
        #expect(tree.mapValues { $0 * 2 }.flattenedValues() == [0, 2, 4, 6, 8])
        let named = tree.mapValues { (key: String, value: Int) in "\(key)=\(value)" }
        #expect(named.flattenedValues() == ["a=0", "b.0.w=1", "b.2=2", "c.x=3", "c.y=4"])
        let even = tree.compactMapValues { $0 % 2 == 0 ? $0 : nil }
        #expect(even.flattened().map(\.0) == ["a", "b.2", "c.y"])
        #expect(tree.reduce(0) { $0 + $1 } == 10)
    }

    @Test func `trees are mapped together by place`() {
        let other = Tree.unflattened([("a", 10), ("c.x", 30), ("z", 1)])
        let sums = tree.mapValues(other) { $0 + ($1 ?? 0) }
        #expect(sums.flattenedValues() == [10, 1, 2, 33, 4])
        let (first, second) = tree.mapValues(other) { ($0, $1) }
        #expect(first == tree)
        #expect(second.flattened().map(\.0) == ["a", "c.x"])
        let (_, _, third) = tree.mapValues(other, tree) { ($0, $1, $2) }
        #expect(third == tree)
    }

    @Test func `values are replaced in the order of flattenedValues`() {
        let replaced = tree.replacingValues(with: [5, 6, 7, 8, 9])
        #expect(replaced.flattened().map(\.0) == tree.flattened().map(\.0))
        #expect(replaced.flattenedValues() == [5, 6, 7, 8, 9])
    }

    @Test func `the description is indented and sorted`() {
        #expect(
            tree.description == """
                [
                  a: 0,
                  b: [
                    [
                      w: 1
                    ],
                    none,
                    2
                  ],
                  c: [
                    x: 3,
                    y: 4
                  ]
                ]
                """)
    }

    @Test func `values are found by key`() {
        #expect(tree[unwrapping: "a"] == 0)
        #expect(tree[unwrapping: "c"] == nil)
        #expect(tree["missing"] == nil)
        #expect(tree.count == 3)
        #expect(Set(tree.keys) == ["a", "b", "c"])
    }
}
