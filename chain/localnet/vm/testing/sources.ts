import { type ExpectedFailure, readAttributes } from './attributes.ts'
import { importsOf } from './imports.ts'

/** A `#[test]` or `#[random_test]` function, as found in the source. */
export interface MoveTest {
  /** `address::module` as in the source, by named address */
  module: string
  name: string
  expectedFailure?: ExpectedFailure
}

export interface TestSources {
  /** the sources with all test code turned into ordinary code */
  files: Record<string, string>
  tests: MoveTest[]
  /** values of the integer constants, by `module::Name` (the module's own name, without its address) */
  constants: Map<string, bigint>
}

const ATTRIBUTE = /#\[((?:[^[\]]|\[[^\]]*\])*)\]/g
const MODULE_HEAD = /\bmodule\s+(\w+::\w+)\s*[;{]/g
const CONSTANT = /\bconst\s+(\w+)\s*:\s*u(?:8|16|32|64|128|256)\s*=\s*([\d_]+|0x[0-9a-fA-F_]+)/g
const FUNCTION_NAME =
  /^(?:\s|#\[[^\]]*\]|\/\/[^\n]*\n)*(?:public\s*(?:\([^)]*\))?\s*|entry\s+|native\s+)*fun\s+(\w+)/

/** Blanks out comments, so that an attribute in one is none; positions stay. */
const withoutComments = (text: string): string =>
  text.replace(/\/\/[^\n]*|\/\*[\s\S]*?\*\//g, comment => comment.replace(/[^\n]/g, ' '))

/**
 * The compiler gives out no bytecode of tests. So test code is compiled as ordinary code: the
 * attributes `#[test]`, `#[random_test]`, `#[test_only]` and `#[expected_failure]` are taken out of the sources (lines
 * keep their numbers) and remembered here. Module initializers are renamed and one-time witnesses
 * come from a native, for only tests may call the first by name and make the second.
 */
export function testSources(files: Readonly<Record<string, string>>): TestSources {
  const result: TestSources = { files: {}, tests: [], constants: new Map() }
  for (const [path, text] of Object.entries(files)) {
    if (!path.endsWith('.move')) result.files[path] = text
    else result.files[path] = ordinaryCode(text, result)
  }
  return result
}

function ordinaryCode(text: string, { tests, constants }: TestSources): string {
  const code = withoutComments(text)
  const modules = [...code.matchAll(MODULE_HEAD)].map(match => ({ at: match.index, name: match[1]! }))
  const moduleAt = (position: number): string => modules.findLast(({ at }) => at < position)?.name ?? ''

  for (const match of code.matchAll(CONSTANT)) {
    const [, module = ''] = moduleAt(match.index).split('::')
    constants.set(`${module}::${match[1]}`, BigInt(match[2]!.replaceAll('_', '')))
  }

  let out = ''
  let from = 0
  let pending: Omit<MoveTest, 'module' | 'name'> & { isTest: boolean } = { isTest: false }
  for (const match of code.matchAll(ATTRIBUTE)) {
    const { isTest, expectedFailure, rest } = readAttributes(match[1]!)
    const end = match.index + match[0].length
    out += text.slice(from, match.index) + rest
    from = end
    if (isTest) pending.isTest = true
    if (expectedFailure !== undefined) {
      const start = modules.findLast(({ at }) => at < match.index)?.at ?? 0
      const next = modules.find(({ at }) => at > match.index)?.at
      pending.expectedFailure = atHome(expectedFailure, importsOf(code.slice(start, next)))
    }
    const name = FUNCTION_NAME.exec(code.slice(end))?.[1]
    // attributes may follow each other; the last one stands before the function
    if (name !== undefined && !/^\s*#\[/.test(code.slice(end))) {
      if (pending.isTest)
        tests.push({
          module: moduleAt(match.index),
          name,
          expectedFailure: pending.expectedFailure,
        })
      pending = { isTest: false }
    } else if (name === undefined) {
      pending = { isTest: false }
    }
  }
  out += text.slice(from)
  return modules.reduce(withoutWitness, out.replace(/\binit\(/g, 'init_('))
}

/** Names modules and constants as they are called at home: `use a::m::{Self as x, ECode as E}` makes `E` `a::m::ECode`. */
function atHome(failure: ExpectedFailure, imports: ReadonlyMap<string, string>): ExpectedFailure {
  const resolve = (path: string): string => path.replace(/^\w+(?=::|$)/, head => imports.get(head) ?? head)
  const { abortCode, location } = failure
  return {
    ...failure,
    abortCode: abortCode === undefined ? undefined : resolve(abortCode),
    location: location === undefined ? undefined : resolve(location),
  }
}

/** Tests make one-time witnesses by hand, which ordinary code may not. */
function withoutWitness(text: string, { name }: { name: string }): string {
  const witness = name.split('::')[1]!.toUpperCase()
  const construction = new RegExp(`\\b${witness}\\s*\\{\\s*\\}(?!\\s*=)`, 'g')
  return text.replace(construction, `sui::test_utils::create_one_time_witness<${witness}>()`)
}
