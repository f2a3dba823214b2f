import assert from 'node:assert/strict'
import { openSocket, readAll, statusesOf } from './http.ts'
import { malformedRequests } from './malformed.ts'

/** As many at a time as make the suite short and the connections few. */
const AT_A_TIME = 8
const LIMIT_MS = 10_000
const NEXT = 'GET /v1/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'

/**
 * Sends every malformed request, whole and in two parts, with another one behind it, and waits for the end of the
 * connection: each gets one of its answers, or that end, and what it may hide is not answered. `honest` is a request whose
 * status must be 200 all along.
 */
export async function refusesMalformed(
  port: number,
  path: string,
  honest: () => Promise<number>,
): Promise<void> {
  const cases = malformedRequests(path).flatMap(one => [
    { ...one, parts: 1 },
    { ...one, parts: 2 },
  ])
  const wrong: string[] = []
  while (cases.length > 0) {
    const some = cases.splice(0, AT_A_TIME)
    await Promise.all(
      some.map(async ({ name, text, statuses, framed, parts }) => {
        const socket = await openSocket(port)
        const received = readAll(socket)
        let hung = false
        const late = setTimeout(() => {
          hung = true
          socket.destroy()
        }, LIMIT_MS)
        const bytes = Buffer.from(text + NEXT, 'latin1')
        const cut = parts === 1 ? bytes.length : bytes.length >> 1
        await new Promise(resolve => socket.write(bytes.subarray(0, cut), resolve))
        if (cut < bytes.length && socket.writable) socket.write(bytes.subarray(cut))
        const [first, ...rest] = statusesOf(await received)
        clearTimeout(late)
        const right = first === undefined || statuses.includes(first)
        if (hung || !right || (rest.includes(200) && !framed)) {
          wrong.push(`${name}: ${[first, ...rest].join(', ')}${hung ? ' and no end' : ''}`)
        }
      }),
    )
    assert.equal(await honest(), 200)
  }
  assert.deepEqual(wrong, [])
}
