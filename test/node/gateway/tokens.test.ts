import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type JWTPayload, SignJWT } from 'jose'
import { Clock, systemClock } from '../../../base/clock.ts'
import { createRecords } from '../../../base/records.ts'
import { systemTimers } from '../../../base/timers.ts'
import { ClientError } from '../../../node/client/errors.ts'
import type { TokenRules } from '../../../node/gateway/index.ts'
import { type Token, Tokens } from '../../../node/gateway/tokens.ts'
import { ask, gatewaysInFolder, jsonOf, NETWORK, openSocket, reasonOf } from './support.ts'

const SECRET = 'a secret of thirty-two characters'
const ADDRESS = `0x${'ab'.repeat(32)}`

describe('gateway: tokens and quotas', () => {
  const { start, dir } = gatewaysInFolder()

  let ids = 0
  const nowSeconds = () => Math.floor(Date.now() / 1000)
  const payload = (claims: JWTPayload = {}) => ({
    jti: `token ${++ids}`,
    iat: nowSeconds(),
    exp: nowSeconds() + 600,
    ...claims,
  })
  const sign = (claims?: JWTPayload, key: string | CryptoKey = SECRET, alg = 'HS256') =>
    new SignJWT(payload(claims))
      .setProtectedHeader({ alg })
      .sign(typeof key === 'string' ? Buffer.from(key) : key)
  const put = (url: string, token?: string, query = '', body = 'Hello', headers = {}) =>
    ask(`${url}/v1/blobs${query}`, {
      method: 'PUT',
      body: Buffer.from(body),
      headers: token === undefined ? headers : { authorization: `Bearer ${token}`, ...headers },
    })
  const startWith = (rules: Partial<TokenRules> = {}, more = {}) =>
    start({
      publish: { tokens: { key: SECRET, ...rules } },
      network: { ...NETWORK, kind: 'testnet' },
      ...more,
    })
  const outcome = async (answer: ReturnType<typeof put>) => {
    const { status, ...rest } = await answer
    return status === 200 ? 'ok' : reasonOf({ status, ...rest })
  }

  it('lets one store once by a token, also after a restart', async () => {
    const { url } = await startWith({}, { dir: dir() })
    const token = await sign()
    assert.equal(await outcome(put(url)), 'TOKEN_MISSING')
    const results = await Promise.all([1, 2, 3].map(() => outcome(put(url, token))))
    assert.deepEqual(results.sort(), ['TOKEN_USED', 'TOKEN_USED', 'ok'])
    const { url: restarted } = await startWith({}, { dir: dir() })
    assert.equal(await outcome(put(restarted, token)), 'TOKEN_USED')
    const refused = await put(url, token)
    assert.deepEqual([refused.status, refused.headers['www-authenticate']], [401, 'Bearer'])
  })

  it('gives a token back when nothing was stored, and answers its retry', async () => {
    const { url, client } = await startWith()
    const token = await sign()
    client.fail('store', new ClientError('CHAIN_UNAVAILABLE', 'no', {}))
    assert.equal(await outcome(put(url, token)), 'CHAIN_UNAVAILABLE')
    client.fail('store', undefined)
    const key = { 'idempotency-key': 'one' }
    const first = await put(url, token, '', 'Hello', key)
    assert.equal(first.status, 200)
    assert.deepEqual(jsonOf(await put(url, token, '', 'Hello', key)), jsonOf(first))
  })

  it('keeps a token and the quota of what was paid for, though its sender has hung up or it failed afterwards', async () => {
    const { url, client, port } = await startWith({}, { quota: { uploads: 2 } })
    const tokens = [await sign(), await sign(), await sign()]
    const release = client.hold('certify')
    const socket = await openSocket(port)
    socket.write(
      `PUT /v1/blobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${tokens[0]}\r\nContent-Length: 5\r\n\r\nHello`,
    )
    await client.begun('certify', 1)
    socket.destroy()
    await client.ended('store', 1)
    release()
    assert.equal(await outcome(put(url, tokens[0])), 'TOKEN_USED')
    client.fail('certify', new ClientError('CHAIN_UNAVAILABLE', 'no', {}))
    assert.equal(await outcome(put(url, tokens[1])), 'CHAIN_UNAVAILABLE')
    client.fail('certify', undefined)
    assert.equal(await outcome(put(url, tokens[2])), 'QUOTA_EXCEEDED')
  })

  it('has a retry answered after its token and its quota were used up, after that has expired, and without keeping it', async () => {
    let laterMs = 0
    const now = () => Date.now() + laterMs
    const clock = new Clock({ ...systemTimers, now })
    const more = { dir: dir(), quota: { uploads: 1 }, clock }
    const { url, client } = await startWith({}, more)
    const token = await sign({ sub: 'me' })
    const key = { 'idempotency-key': 'one' }
    const query = '?force'
    client.fail('certify', new ClientError('CHAIN_UNAVAILABLE', 'no', {}))
    assert.equal(await outcome(put(url, token, query, 'Hello', key)), 'CHAIN_UNAVAILABLE')
    client.fail('certify', undefined)
    // it goes on with what was paid for, which is counted
    assert.equal(await outcome(put(url, token, query)), 'QUOTA_EXCEEDED')
    const first = await put(url, token, query, 'Hello', key)
    assert.equal(first.status, 200)
    laterMs = 3_600_000
    assert.equal(await outcome(put(url, token, query)), 'TOKEN_EXPIRED')
    assert.deepEqual(jsonOf(await put(url, token, query, 'Hello', key)), jsonOf(first))
    assert.equal(await outcome(put(url, `${token}x`, query, 'Hello', key)), 'TOKEN_INVALID')
    const kept = await readdir(join(dir(), 'answers'))
    assert.ok(kept.length > 0)
    for (const name of kept)
      assert.ok(!(await readFile(join(dir(), 'answers', name), 'utf8')).includes(token.slice(-20)))
  })

  it('lets a request whose process was killed use its token again, and no other request', async () => {
    const records = createRecords({ limit: 10, clock: systemClock })
    const tokens = new Tokens({ rules: { key: SECRET }, records, clock: systemClock })
    const token = { id: 'one', expiresMs: Date.now() + 60_000, isExpired: false } as Token
    await tokens.use(token, 'a request')
    await tokens.use(token, 'a request')
    for (const other of ['another', undefined])
      await assert.rejects(tokens.use(token, other), { code: 'TOKEN_USED' })
    await assert.rejects(tokens.use({ ...token, id: 'two', isExpired: true }, 'x'), { code: 'TOKEN_EXPIRED' })
  })

  it('holds each to what its token says', async () => {
    const { url, client } = await startWith()
    const cases: [JWTPayload, string, string][] = [
      [{ epochs: 2 }, '?epochs=2', 'ok'],
      [{ epochs: 2 }, '?epochs=3', 'TOKEN_FOR_OTHER'],
      [{ max_epochs: 2 }, '', 'ok'],
      [{ max_epochs: 2 }, '?epochs=3', 'TOKEN_FOR_OTHER'],
      [{ size: 5 }, '', 'ok'],
      [{ size: 4 }, '', 'TOKEN_FOR_OTHER'],
      [{ max_size: 4 }, '', 'TOKEN_FOR_OTHER'],
      [{ max_size: 5 }, '', 'ok'],
      [{ send_object_to: ADDRESS }, `?send_object_to=${ADDRESS}`, 'ok'],
      [{ send_object_to: ADDRESS }, '?send_object_to=0x1', 'TOKEN_FOR_OTHER'],
      [{ send_object_to: ADDRESS }, '', 'TOKEN_FOR_OTHER'],
      [{ epochs: 1, max_epochs: 1 }, '', 'TOKEN_INVALID'],
      [{ size: 5, max_size: 5 }, '', 'TOKEN_INVALID'],
      [{ epochs: 'two' }, '', 'TOKEN_INVALID'],
      [{ exp: nowSeconds() - 1 }, '', 'TOKEN_EXPIRED'],
      [{ nbf: nowSeconds() + 60 }, '', 'TOKEN_INVALID'],
      [{ jti: undefined }, '', 'TOKEN_INVALID'],
      [{ exp: undefined }, '', 'TOKEN_INVALID'],
    ]
    for (const [claims, query, expected] of cases)
      assert.equal(await outcome(put(url, await sign(claims), `${query}${query ? '&' : '?'}force`)), expected)
    const chunked = await put(url, await sign({ size: 4 }), '', 'Hello', { 'transfer-encoding': 'chunked' })
    assert.ok(chunked.status === 413 || chunked.status === 403)
    const stores = client.calls.filter(({ operation }) => operation === 'store').length
    assert.equal(stores, cases.filter(([, , expected]) => expected === 'ok').length)
  })

  it('takes no signature but that of its key, by its algorithm', async () => {
    const { url } = await startWith()
    const [header, body] = [{ alg: 'none' }, payload()].map(part =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    )
    const hs512 = Buffer.from(JSON.stringify({ alg: 'HS512' })).toString('base64url')
    const mac = createHmac('sha512', SECRET).update(`${hs512}.${body}`).digest('base64url')
    for (const token of [
      `${header}.${body}.`,
      `${hs512}.${body}.${mac}`,
      await sign({}, `${SECRET}!`),
      `${(await sign()).slice(0, -2)}AA`,
      'x',
      'x'.repeat(9_000),
    ])
      assert.equal(await outcome(put(url, token)), 'TOKEN_INVALID')
  })

  it('knows public keys, and tokens that live for exactly so long', async () => {
    for (const [alg, pair] of [
      ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
      ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
      ['PS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
      ['EdDSA', generateKeyPairSync('ed25519')],
    ] as const) {
      const key = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
      const { url } = await startWith({ key, algorithm: alg, validSeconds: 600 })
      const signed = (claims?: JWTPayload) =>
        new SignJWT(payload(claims)).setProtectedHeader({ alg }).sign(pair.privateKey)
      assert.equal(await outcome(put(url, await signed())), 'ok', alg)
      assert.equal(await outcome(put(url, await signed({ exp: nowSeconds() + 900 }))), 'TOKEN_INVALID')
      // a public key is no secret
      assert.equal(await outcome(put(url, await sign({}, key))), 'TOKEN_INVALID')
      const jwk = JSON.stringify({ ...pair.publicKey.export({ format: 'jwk' }), alg })
      const { url: byJwk } = await startWith({ key: jwk })
      assert.equal(await outcome(put(byJwk, await signed())), 'ok', alg)
    }
  })

  it('lets each subject and each address store so much a day, also after a restart', async () => {
    const more = { dir: dir(), quota: { uploads: 2, bytes: 100 } }
    const { url, client } = await startWith({}, more)
    const mine = () => sign({ sub: 'me' })
    client.fail('store', new ClientError('CHAIN_UNAVAILABLE', 'no', {}))
    await put(url, await mine())
    client.fail('store', undefined)
    // what failed does not count
    assert.equal(await outcome(put(url, await mine())), 'ok')
    assert.equal(await outcome(put(url, await mine(), '', 'x'.repeat(99))), 'QUOTA_EXCEEDED')
    assert.equal(await outcome(put(url, await mine())), 'ok')
    const { url: restarted } = await startWith({}, more)
    const refused = await put(restarted, await mine())
    assert.deepEqual([refused.status, reasonOf(refused)], [429, 'QUOTA_EXCEEDED'])
    assert.ok(Number(refused.headers['retry-after']) > 0)
    // the address is the same
    assert.equal(await outcome(put(restarted, await sign({ sub: 'another' }))), 'QUOTA_EXCEEDED')
  })

  it('tells what storing would cost', async () => {
    const { url } = await start()
    assert.deepEqual(jsonOf(await ask(`${url}/v1/estimate?size=5&epochs=5`)), {
      ...{ size: 5, epochs: 5, endEpoch: 6, encodedLength: 663_400 },
      ...{ storageCost: 500_000, writeCost: 20_000, cost: 520_000 },
    })
    for (const query of [
      '',
      'size=x',
      'size=5&epochs=0',
      'size=5&epochs=54',
      'size=999999999999999',
      'size=5&x=1',
    ])
      assert.equal((await ask(`${url}/v1/estimate?${query}`)).status, 400, query)
  })
})
