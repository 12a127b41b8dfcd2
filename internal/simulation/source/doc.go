// Package source has commits and folders of the simulation as the engine reads them.
package source
