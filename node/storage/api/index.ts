export { createNodeApi, type NodeApi } from './api.ts'
export { DEFAULT_API_LIMITS, type NodeApiInit } from './options.ts'
