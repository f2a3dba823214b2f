import type { Random } from './expressions.ts'

/** What the random programs below work on: a struct, an enum, vectors, references, a generic function. */
export const prelude = `
module probe::programs;

public struct Pair has copy, drop { n: u64, list: vector<u64> }

public struct Box<T> has copy, drop { item: T, spare: vector<T> }

public enum Shape has copy, drop {
    Nothing,
    One(u64),
    Many { list: vector<u64>, pair: Pair },
}

fun bump(n: &mut u64, by: u64) { *n = *n + by }

fun exchange<T>(a: &mut vector<T>, b: &mut vector<T>) {
    if (a.is_empty() || b.is_empty()) return;
    let x = a.pop_back();
    let y = b.pop_back();
    a.push_back(y);
    b.push_back(x);
}

fun rotate<T: copy + drop>(box: &mut Box<T>) {
    let old = box.item;
    if (!box.spare.is_empty()) box.item = box.spare.remove(0);
    box.spare.push_back(old);
}

fun weigh(shape: &Shape): u64 {
    match (shape) {
        Shape::Nothing => 1,
        Shape::One(n) => *n % 1000,
        Shape::Many { list, pair } => list.length() * 7 + pair.n % 100 + pair.list.length(),
    }
}

fun stir(shape: &mut Shape, n: u64) {
    match (shape) {
        Shape::Nothing => *shape = Shape::One(n),
        Shape::One(m) => *m = (*m ^ n) % 100000,
        Shape::Many { list, pair } => { list.push_back(n); pair.n = pair.n + list[0] % 10 },
    }
}

fun total(list: &vector<u64>): u64 {
    let mut sum = 0;
    let mut i = 0;
    while (i < list.length()) {
        sum = (sum * 31 + list[i]) % 1000003;
        i = i + 1
    };
    sum
}
`

const pick = <T>(random: Random, items: readonly T[]): T => items[random(items.length)]!

function number(random: Random, depth: number): string {
  if (depth === 0) return pick(random, ['a', 'b', 'x', 'y', `${random(10)}`, `${random(1000)}`])
  const inner = () => number(random, depth - 1)
  return pick<() => string>(random, [
    () => `(${inner()} + ${inner()})`,
    () => `(${inner()} * (${inner()} % 1000))`,
    () => `(${inner()} / (${inner()} + 1))`,
    () => `(${inner()} % (${inner()} + 1))`,
    () => `(${inner()} ^ ${inner()})`,
    () => `(${inner()} - ${inner()} % 5)`,
    () => `v[${inner()} % (v.length() + ${random(6) === 0 ? 1 : 0})]`,
    () => `p.list.length()`,
    () => 'p.n',
    () => 'box.item',
    () => 'weigh(&shape)',
    () => 'total(&v)',
    () => `(if (${condition(random)}) ${inner()} else ${inner()})`,
  ])()
}

const condition = (random: Random): string =>
  pick<() => string>(random, [
    () => `${number(random, 1)} < ${number(random, 1)}`,
    () => `${number(random, 1)} % 2 == 0`,
    () => 'p == q',
    () => 'v != w && !v.is_empty()',
    () => `v.contains(&${number(random, 0)}) || x > y`,
    () => '&box == &box',
    () => 'shape == Shape::Nothing',
  ])()

function statement(random: Random, depth: number): string {
  const n = () => number(random, 2)
  /** A value is computed before what it goes into is borrowed. */
  const using = (value: string, use: string) => `{ let t = ${value}; ${use} };`
  const simple: (() => string)[] = [
    () => `x = ${n()};`,
    () => `y = ${n()} % 1000000;`,
    () => using(n(), 'v.push_back(t);'),
    () => `if (!v.is_empty()) { x = v.pop_back(); };`,
    () => `w = v; w.reverse();`,
    () => using(`vector[${n()}, ${n()}]`, 'v.append(t);'),
    () =>
      using(n(), `let i = ${number(random, 0)} % (v.length() + ${random(5) === 0 ? 1 : 0}); *&mut v[i] = t;`),
    () => using(n(), 'if (v.length() > 1) { let i = t % v.length(); v.swap(0, i); };'),
    () => using(number(random, 1), 'bump(&mut x, t % 100);'),
    () => using(number(random, 1), 'bump(&mut p.n, t % 100);'),
    () => using(n(), 'p.list.push_back(t % 50);'),
    () => using(n(), 'q = p; q.n = t % 77;'),
    () => `{ let r = &mut q; r.n = r.n % 1000 + r.list.length(); let m = r.n; r.list.push_back(m); };`,
    () => `exchange(&mut v, &mut w);`,
    () => `exchange(&mut p.list, &mut q.list);`,
    () => `rotate(&mut box);`,
    () => using(n(), 'box.spare.push_back(t);'),
    () => `shape = Shape::Many { list: v, pair: p };`,
    () => `shape = Shape::One(${n()});`,
    () => using(n(), 'stir(&mut shape, t % 100000);'),
    () => `{ let Pair { n, list } = q; x = (x ^ n) % 99991; w = list; };`,
    () => `nested.push_back(w); if (nested.length() > 3) { v = nested.remove(0); };`,
    () => `if (${condition(random)}) abort ${random(5)};`,
  ]
  if (depth === 0) return pick(random, simple)()
  const block = () => Array.from({ length: 1 + random(3) }, () => statement(random, depth - 1)).join(' ')
  return pick<() => string>(random, [
    ...simple.slice(0, -1),
    () => `if (${condition(random)}) { ${block()} } else { ${block()} };`,
    () =>
      `{ let mut k = 0; while (k < ${1 + random(4)}) { ${block()} k = k + 1; if (x > 1000000000) break; }; };`,
    () => `if (${condition(random)}) { ${block()} };`,
  ])()
}

/** `fun name(a: u64, b: u64): u64`, which returns a digest of all that it worked on, or fails. */
export function program(random: Random, name: string): string {
  const statements = Array.from({ length: 12 }, () => statement(random, 2))
  return `
#[allow(unused_assignment, unused_variable, unused_let_mut, dead_code)]
public fun ${name}(a: u64, b: u64): u64 {
    let mut x = a;
    let mut y = b;
    let mut v = vector[a % 100, b % 100];
    let mut w = vector<u64>[];
    let mut p = Pair { n: a % 1000, list: vector[1, 2, 3] };
    let mut q = Pair { n: 5, list: vector[] };
    let mut box = Box { item: b % 10, spare: vector[7, 8] };
    let mut shape = Shape::Nothing;
    let mut nested = vector<vector<u64>>[];
    ${statements.join('\n    ')}
    let mut digest = vector[x % 1000003, y % 1000003, p.n % 1000003, q.n % 1000003, box.item % 1000003, weigh(&shape)];
    digest.append(v.map!(|n| n % 1000003));
    digest.append(w.map!(|n| n % 1000003));
    digest.append(p.list.map!(|n| n % 1000003));
    digest.append(q.list.map!(|n| n % 1000003));
    digest.append(box.spare.map!(|n| n % 1000003));
    digest.push_back(nested.length());
    total(&digest)
}`
}
