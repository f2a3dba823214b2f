/**
 * HTTP for those without libp2p.
 * @module floe/gateway
 */
export { createGateway, type Gateway } from './gateway.ts'
export { DEFAULT_GATEWAY_PORT, DEFAULT_LIMITS, type GatewayInit, type GatewayLimits } from './options.ts'
export type { Purse } from './purse-watch.ts'
export type { Quota } from './quotas.ts'
export type { Managed } from './routes/manage.ts'
export { SubWallets, type SubWalletsInit } from './sub-wallets.ts'
export type { Tip } from './tips.ts'
export { checkTokenRules, type TokenRules, WeakSecret } from './tokens.ts'
