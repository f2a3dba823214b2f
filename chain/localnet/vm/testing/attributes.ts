/** What `#[expected_failure(...)]` asks for. */
export interface ExpectedFailure {
  /** `module::Constant`, `Constant` or a number */
  abortCode?: string
  arithmeticError?: boolean
  vectorError?: boolean
  outOfGas?: boolean
  /** sub-status of a vector error */
  minorStatus?: string
  /** module in which it must happen */
  location?: string
}

export interface TestAttributes {
  isTest: boolean
  expectedFailure?: ExpectedFailure
}

/** `a, b(c, d), e` at its top level. */
function splitTopLevel(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let part = ''
  for (const character of text) {
    if ('([{'.includes(character)) depth++
    if (')]}'.includes(character)) depth--
    if (character === ',' && depth === 0) {
      parts.push(part)
      part = ''
    } else {
      part += character
    }
  }
  return [...parts, part].map(item => item.trim()).filter(item => item !== '')
}

function expectedFailure(text: string): ExpectedFailure {
  const inner = /^expected_failure\s*\(([\s\S]*)\)$/.exec(text)?.[1] ?? ''
  const failure: ExpectedFailure = {}
  for (const item of splitTopLevel(inner)) {
    const [key = '', value = ''] = item.split('=').map(side => side.trim())
    if (key === 'abort_code') failure.abortCode = value
    else if (key === 'arithmetic_error') failure.arithmeticError = true
    else if (key === 'vector_error') failure.vectorError = true
    else if (key === 'out_of_gas') failure.outOfGas = true
    else if (key === 'minor_status') failure.minorStatus = value
    else if (key === 'location') failure.location = value
  }
  return failure
}

const isTestOnly = (item: string): boolean => /^(test|test_only|random_test|expected_failure)\b/.test(item)

/** Takes the attributes of tests out of `#[...]`; `rest` is what stays (it keeps its line breaks). */
export function readAttributes(inner: string): TestAttributes & { rest: string } {
  const items = splitTopLevel(inner)
  if (!items.some(isTestOnly)) return { isTest: false, rest: `#[${inner}]` }
  const kept = items.filter(item => !isTestOnly(item))
  const lines = '\n'.repeat(inner.split('\n').length - 1)
  const failure = items.find(item => item.startsWith('expected_failure'))
  return {
    isTest: items.some(item => item === 'test' || item === 'random_test'),
    expectedFailure: failure === undefined ? undefined : expectedFailure(failure),
    rest: (kept.length === 0 ? '' : `#[${kept.join(', ')}]`) + lines,
  }
}
