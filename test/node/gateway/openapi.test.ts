import assert from 'node:assert/strict'
import { systemClock } from '../../../base/clock.ts'
import { DEFAULT_LIMITS, type GatewayInit } from '../../../node/gateway/index.ts'
import { OPERATIONS, openApi, openApiPath } from '../../../node/gateway/openapi.ts'
import { createRoutes } from '../../../node/gateway/routes/index.ts'
import { createFakeClient } from '../../support/fake-client.ts'
import { ask, gatewayFactory, jsonOf, NETWORK } from './support.ts'

const MANAGE: GatewayInit['manage'] = {
  writer: { wallet: {} } as NonNullable<GatewayInit['manage']>['writer'],
  chain: {} as NonNullable<GatewayInit['manage']>['chain'],
}
/** A gateway with all that one can have. */
const EVERYTHING: GatewayInit = {
  client: createFakeClient(),
  network: { ...NETWORK, peers: [] },
  page: { suiRpc: [] },
  dir: 'unused',
  manage: MANAGE,
  uploadRelay: { chain: {} as NonNullable<GatewayInit['uploadRelay']>['chain'] },
}
/** files of the page, and links to it */
const OF_THE_PAGE = /^\/(read|b)(\/|$)/

describe('gateway: its own description', () => {
  const { start, stopAll } = gatewayFactory()
  afterEach(stopAll)

  it('has every route with every method, and no other (node/gateway/openapi.ts tells of them)', () => {
    const routes = createRoutes(EVERYTHING, systemClock, DEFAULT_LIMITS)
    const there = routes
      .filter(({ pattern }) => !OF_THE_PAGE.test(pattern))
      .flatMap(({ pattern, methods }) => Object.keys(methods).map(method => `${method} ${pattern}`))
    const told = Object.entries(OPERATIONS).flatMap(([pattern, operations]) =>
      Object.keys(operations).map(method => `${method} ${pattern}`),
    )
    assert.deepEqual(told.toSorted(), there.toSorted())
    const { paths } = openApi(routes) as { paths: Record<string, Record<string, { operationId: string }>> }
    const ids = Object.entries(paths).flatMap(([path, item]) => {
      const methods = Object.entries(item).filter(([key]) => !['parameters', 'description'].includes(key))
      const declared = ((item.parameters ?? []) as unknown as { name: string }[]).map(({ name }) => name)
      assert.deepEqual(
        declared,
        [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name),
      )
      return methods.map(([, { operationId }]) => operationId)
    })
    assert.equal(new Set(ids).size, ids.length)
  })

  it('is what it answers to: parameters that it names are taken, and others are not', async () => {
    const { url } = await start({ network: { ...NETWORK, peers: [] }, dir: 'unused', manage: MANAGE })
    const { openapi, paths } = jsonOf(await ask(`${url}/v1/api`))
    assert.equal(openapi, '3.1.0')
    // of a gateway that is no relay
    assert.equal(paths['/v1/blob-upload-relay'], undefined)
    const taking = Object.entries(OPERATIONS).flatMap(([pattern, operations]) =>
      Object.entries(operations)
        .filter(([, { query }]) => query !== undefined && paths[openApiPath(pattern)] !== undefined)
        .map(([method, { query = {} }]) => ({ pattern, method, query })),
    )
    assert.ok(taking.length > 8)
    for (const { pattern, method, query } of taking) {
      const path = openApiPath(pattern).replace(/\{\w+\}/g, 'x')
      const said = async (name: string) =>
        jsonOf(await ask(`${url}${path}?${name}=x`, { method })).error.message as string
      for (const name of Object.keys(query))
        assert.doesNotMatch(await said(name.replace('!', '')), /is unknown/, `${pattern} ${name}`)
      assert.match(await said('nonsense'), /the parameter nonsense is unknown/, pattern)
    }
  })

  it('can be read by people, without scripts', async () => {
    const { url } = await start({ dir: 'unused', manage: MANAGE })
    const { status, headers, body } = await ask(`${url}/docs`)
    assert.equal(status, 200)
    assert.equal(headers['content-type'], 'text/html; charset=utf-8')
    assert.match(String(headers['content-security-policy']), /^default-src 'none'; style-src/)
    const text = body.toString()
    for (const [pattern, operations] of Object.entries(OPERATIONS)) {
      if (pattern.includes('relay') || pattern.includes('tip')) continue
      assert.ok(text.includes(openApiPath(pattern)), pattern)
      for (const { summary } of Object.values(operations))
        assert.ok(text.includes(summary.replaceAll('"', '&#34;').slice(0, 10)), summary)
    }
    assert.doesNotMatch(text, /<script/)
    const alive = await ask(`${url}/status`)
    assert.deepEqual([alive.status, alive.body.toString()], [200, 'OK'])
  })
})
