/** Requests that no honest client sends, and what they may be answered: by these statuses, or by the end of the connection. */
export interface Malformed {
  name: string
  text: string
  statuses: number[]
  /** it is clear where it ends, so that what follows on its connection may be answered */
  framed?: boolean
}

const HOST = 'Host: localhost\r\n'
const CHUNKED = 'Transfer-Encoding: chunked\r\n'
const NO_CHUNKS = '0\r\n\r\n'

/** `path` takes a PUT. */
export function malformedRequests(path: string): Malformed[] {
  const cases: Malformed[] = []
  const add = (statuses: number[], group: string, texts: Record<string, string>, framed = false) => {
    for (const [name, text] of Object.entries(texts)) {
      cases.push({ name: `${group}: ${name}`, text, statuses, framed })
    }
  }
  const put = (headers: string, body = '', line = `PUT ${path} HTTP/1.1`) =>
    `${line}\r\n${HOST}${headers}\r\n${body}`
  const get = (headers: string, line = 'GET /v1/health HTTP/1.1') => `${line}\r\n${headers}\r\n`

  const codings = [
    'gzip, chunked',
    'gzip,chunked',
    'x, chunked',
    ', chunked',
    ',chunked',
    'chunked;a=b, chunked',
  ]
  for (const coding of [...codings, 'deflate, gzip, chunked', 'identity, chunked', '"chunked", chunked']) {
    add([400, 501], 'transfer coding', { [coding]: put(`Transfer-Encoding: ${coding}\r\n`, NO_CHUNKS) })
  }
  add([400, 501], 'transfer coding', {
    'in two fields': put(`Transfer-Encoding: gzip\r\n${CHUNKED}`, NO_CHUNKS),
    'twice chunked': put(CHUNKED.repeat(2), NO_CHUNKS),
    'in HTTP/1.0': put(CHUNKED, NO_CHUNKS, `PUT ${path} HTTP/1.0`),
  })
  for (const coding of [
    'xchunked',
    'chunkedx',
    'chunked, gzip',
    'identity',
    'chunked,',
    '\vchunked',
    'chun ked',
    '',
    'gzip',
  ]) {
    add([400, 501], 'transfer coding', {
      [JSON.stringify(coding)]: put(`Transfer-Encoding: ${coding}\r\n`, NO_CHUNKS),
    })
  }
  add([400], 'two lengths', {
    'coding, then length': put(`${CHUNKED}Content-Length: 5\r\n`, NO_CHUNKS),
    'length, then coding': put(`Content-Length: 5\r\n${CHUNKED}`, NO_CHUNKS),
    'twice the same': put('Content-Length: 1\r\n'.repeat(2), 'a'),
    'two different': put('Content-Length: 1\r\nContent-Length: 2\r\n', 'ab'),
  })
  for (const length of [
    '1, 1',
    '+1',
    '-1',
    '0x1',
    '1e1',
    '1.0',
    '',
    ' ',
    'a',
    '1a',
    '1 1',
    '9'.repeat(30),
    '１',
  ]) {
    add([400, 413], 'length', { [JSON.stringify(length)]: put(`Content-Length: ${length}\r\n`, 'a') })
  }
  for (const size of ['-1', '+1', '0x1', 'g', '', ' 1', '1 1', 'f'.repeat(17), '1;a\nb', '1\n']) {
    add([400, 413], 'chunk size', { [JSON.stringify(size)]: put(CHUNKED, `${size}\r\na\r\n${NO_CHUNKS}`) })
  }
  add([400], 'chunks', {
    'longer than said': put(CHUNKED, `1\r\nabc\r\n${NO_CHUNKS}`),
    'ended by LF': put(CHUNKED, '1\na\n0\n\n'),
    'a length in the trailers': put(CHUNKED, '0\r\nContent-Length: 5\r\n\r\n'),
    'a coding in the trailers': put(CHUNKED, `0\r\n${CHUNKED}\r\n`),
    'a trailer without a colon': put(CHUNKED, '0\r\nx\r\n\r\n'),
  })
  add([413], 'chunks', { 'long extensions': put(CHUNKED, `1;${'a'.repeat(20_000)}\r\na\r\n${NO_CHUNKS}`) })

  for (const name of ['Transfer-Encoding', 'Content-Length', 'X']) {
    for (const [what, text] of [
      ['a space before the colon', `${name} : chunked\r\n`],
      ['a tab before the colon', `${name}\t: chunked\r\n`],
      ['a folded line', `X: y\r\n ${name}: chunked\r\n`],
      ['a folded value', `${name}:\r\n chunked\r\n`],
      ['a NUL in the name', `${name}\0: 1\r\n`],
      ['a NUL in the value', `${name}: 1\0\r\n`],
      ['a CR in the value', `${name}: 1\r2\r\n`],
      ['an LF alone', `X: y\n${name}: 1\r\n`],
      ['no colon', `${name}\r\n`],
      ['a space in the name', `X ${name}: 1\r\n`],
      ['a bracket in the name', `(${name}): 1\r\n`],
      ['a letter beyond ASCII in the name', `${name}é: 1\r\n`],
    ] as const) {
      add([400], 'header', { [`${name}, ${what}`]: put(text, NO_CHUNKS) })
    }
  }
  add([400], 'header', {
    'no name': put(': x\r\n'),
    'a fold before the first': `GET /v1/health HTTP/1.1\r\n X: y\r\n${HOST}\r\n`,
  })
  add([431], 'header', {
    'one of 20 KB': get(`${HOST}X: ${'a'.repeat(20_000)}\r\n`),
    'ten thousand': get(`${HOST}${'a: b\r\n'.repeat(10_000)}`),
  })
  add([400, 403], 'host', {
    none: get(''),
    two: get(`${HOST}Host: evil.example\r\n`),
    'the same twice': get(HOST.repeat(2)),
    'two in one line': get('Host: localhost\r\nHOST: localhost\r\n'),
  })

  const lines: [number[], string][] = [
    [[400], ''],
    [[400], 'rubbish'],
    [[400], 'GET'],
    [[400], 'GET /'],
    [[400], ' GET / HTTP/1.1'],
    [[400], 'get / HTTP/1.1'],
    [[400], 'G\0T / HTTP/1.1'],
    [[400], 'GETGET / HTTP/1.1'],
    [[400], 'GET / http/1.1'],
    [[400], 'GET / HTTP/1.1 x'],
    [[400], 'GET / HTP/1.1'],
    [[400], 'GET / HTTP/1'],
    [[400], 'GET / HTTP/11.1'],
    [[400], 'GET / HTTP/1.1\rX'],
    [[400], 'GET /\0 HTTP/1.1'],
    [[400], 'GET / / HTTP/1.1'],
    [[400], '/ GET HTTP/1.1'],
    [[400], 'PRI * HTTP/2.0'],
    [[400, 505], 'GET / HTTP/0.9'],
    [[400, 505], 'GET / HTTP/1.2'],
    [[400, 505], 'GET / HTTP/2.0'],
    [[400, 505], 'GET / HTTP/3.0'],
  ]
  const odd: [number[], string][] = [
    [[400, 404, 405], 'GET localhost HTTP/1.1'],
    [[400], 'GET * HTTP/1.1'],
    [[400], 'OPTIONS * HTTP/1.1'],
    [[400], 'GET http://evil.example/v1/health HTTP/1.1'],
    [[400], 'GET https://localhost/v1/health HTTP/1.1'],
    [[400], 'GET file:///etc/passwd HTTP/1.1'],
    [[400], 'GET //evil.example/v1/health HTTP/1.1'],
    [[400], 'GET /\\evil.example/v1/health HTTP/1.1'],
    [[400], 'GET //localhost HTTP/1.1'],
    [[400], 'GET //[ HTTP/1.1'],
    [[400, 404], 'GET /%zz HTTP/1.1'],
    [[400, 404], 'GET /v1/blobs/%ff%fe HTTP/1.1'],
    [[400, 404], 'GET /v1/blobs/%00/metadata HTTP/1.1'],
    [[400, 404, 405], 'GET /../../etc/passwd HTTP/1.1'],
    [[400, 404, 405], 'GET /v1/blobs/..%2f..%2fetc HTTP/1.1'],
    [[400, 405], 'CONNECT evil.example:443 HTTP/1.1'],
    [[400, 405], 'CONNECT / HTTP/1.1'],
    [[400, 405], 'TRACE /v1/health HTTP/1.1'],
    [[400, 405], 'DELETE /v1/health HTTP/1.1'],
    [[400, 405], 'POST /v1/health HTTP/1.1'],
    [[400, 405], 'PROPFIND /v1/health HTTP/1.1'],
    [[400, 405], 'SOURCE /v1/health HTTP/1.1'],
  ]
  for (const [table, framed] of [
    [lines, false],
    [odd, true],
  ] as const) {
    for (const [statuses, line] of table) {
      add(statuses, 'request line', { [JSON.stringify(line)]: `${line}\r\n${HOST}\r\n` }, framed)
    }
  }
  add([414, 431], 'request line', { 'a path of 40 KB': get(HOST, `GET /${'a'.repeat(40_000)} HTTP/1.1`) })
  add([400], 'request line', {
    'ended by LF': `GET /v1/health HTTP/1.1\n${HOST.replace('\r', '')}\n`,
    'of TLS': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'of SSH': 'SSH-2.0-OpenSSH_9.6\r\n',
    'of SMTP': 'EHLO localhost\r\n',
    'of bytes': Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join(''),
  })
  for (const expect of ['tea', '101-continue', '100']) {
    add([417], 'expectation', { [expect]: put(`Expect: ${expect}\r\nContent-Length: 0\r\n`) }, true)
  }
  return cases
}
