package scripts

import "github.com/kv-sync/kv-sync/internal/platform/api"

// Routes returns the routes of the API.
func (s *Store) Routes() []api.Route {
	const (
		workers = "/accounts/{account}/workers"
		scripts = workers + "/scripts"
		script  = scripts + "/{script}"
	)
	return []api.Route{
		api.On("GET "+scripts, "workers.scripts.list", api.WorkersRead, s.scriptsList),
		api.On("PUT "+script, "workers.scripts.put", api.WorkersWrite, s.scriptPut),
		api.On("GET "+script, "workers.scripts.get", api.WorkersRead, s.scriptContent),
		api.On("GET "+script+"/content/v2", "workers.scripts.content", api.WorkersRead, s.scriptContent),
		api.On("DELETE "+script, "workers.scripts.delete", api.WorkersWrite, s.scriptDelete),
		api.On("GET "+workers+"/services/{script}", "workers.services.get", api.WorkersRead, s.serviceGet),
		api.On("GET "+workers+"/workers/{script}", "workers.workers.get", api.WorkersRead, s.workerGet),
		api.On("DELETE "+workers+"/services/{script}", "workers.services.delete", api.WorkersWrite, s.scriptDelete),
		api.On("GET "+script+"/settings", "workers.settings.get", api.WorkersRead, s.settingsGet),
		api.On("PATCH "+script+"/settings", "workers.settings.patch", api.WorkersWrite, s.settingsPatch),
		api.On("GET "+script+"/script-settings", "workers.script-settings.get", api.WorkersRead, s.scriptSettingsGet),
		api.On("PATCH "+script+"/script-settings", "workers.script-settings.patch", api.WorkersWrite, s.scriptSettingsPatch),
		api.On("GET "+script+"/secrets", "workers.secrets.list", api.WorkersRead, s.secretsList),
		api.On("PUT "+script+"/secrets", "workers.secrets.put", api.WorkersWrite, s.secretPut),
		api.On("DELETE "+script+"/secrets/{secret}", "workers.secrets.delete", api.WorkersWrite, s.secretDelete),
		api.On("GET "+script+"/secrets/{secret}", "workers.secrets.get", api.WorkersRead, s.secretGet),
		api.On("PATCH "+script+"/secrets-bulk", "workers.secrets.bulk", api.WorkersWrite, s.secretsBulk),
		api.On("PATCH "+workers+"/workers/{script}/versions/latest", "workers.versions.patch", api.WorkersWrite,
			s.latestPatch),
		api.On("GET "+script+"/references", "workers.references.get", api.WorkersRead, s.referencesGet),
		api.On("GET "+workers+"/tails/by-consumer/{script}", "workers.tails.by-consumer", api.WorkersRead,
			s.tailsByConsumer),
		api.On("GET "+script+"/subdomain", "workers.script-subdomain.get", api.WorkersRead, s.scriptSubdomainGet),
		api.On("POST "+script+"/subdomain", "workers.script-subdomain.set", api.WorkersWrite, s.scriptSubdomainSet),
		api.On("DELETE "+script+"/subdomain", "workers.script-subdomain.delete", api.WorkersWrite, s.scriptSubdomainDelete),
		api.On("GET "+workers+"/subdomain", "workers.subdomain.get", api.WorkersRead, s.subdomainGet),
		api.On("GET "+workers+"/durable_objects/namespaces", "workers.durable-objects.list", api.WorkersRead,
			s.objectNamespaces),
		api.On("POST "+script+"/versions", "workers.versions.create", api.WorkersWrite, s.versionCreate),
		api.On("GET "+script+"/versions", "workers.versions.list", api.WorkersRead, s.versionsList),
		api.On("GET "+script+"/versions/{version}", "workers.versions.get", api.WorkersRead, s.versionGet),
		api.On("POST "+script+"/deployments", "workers.deployments.create", api.WorkersWrite, s.deploymentCreate),
		api.On("GET "+script+"/deployments", "workers.deployments.list", api.WorkersRead, s.deploymentsList),
		api.On("GET "+script+"/deployments/{deployment}", "workers.deployments.get", api.WorkersRead, s.deploymentGet),
		api.On("POST "+script+"/assets-upload-session", "workers.assets.session", api.WorkersWrite, s.assetsSession),
		api.On("POST "+workers+"/assets/upload", "workers.assets.upload", "", s.assetsUpload),
	}
}
